#!/bin/sh
# A command of the package runs as it is; anything else goes to the BIDS App.
case "${1:-}" in
  wmh-*) if [ -x "/opt/venv/bin/$1" ]; then exec "$@"; fi ;;
esac
exec wmh-bids-app "$@"
