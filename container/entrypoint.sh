#!/bin/sh
# A command of the package runs as it is; anything else goes to the BIDS App.
case "${1:-}" in
  wmh-*) if command -v "$1" >/dev/null; then exec "$@"; fi ;;
esac
exec wmh-bids-app "$@"
