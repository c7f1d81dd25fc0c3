#!/usr/bin/env bash
# Builds the image with buildah and tries it: without network, as a user that
# it does not know, on synthetic heads.
#
#   container/check.sh [cpu|cuda]
#
# Needs root, buildah and, where no registry is reached, debootstrap. The image
# stays as wmh-keras:cpu or :cuda (buildah rmi removes it); all else goes.
# With BUILDAH_LAYERS=true a second build starts from the first one's layers.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

target=${1:-cpu}
image=wmh-keras:$target
user=12345:12345
registry_base=debian:bookworm-slim
local_base=localhost/debian:bookworm-minbase
scratch=$(mktemp -d)
container=

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

clean() {
  if [ -n "$container" ]; then buildah rm "$container" >/dev/null; fi
  rm -rf "$scratch"
}
trap clean EXIT
trap 'echo "FAILED in line $LINENO: $BASH_COMMAND" >&2' ERR

check_tools() {
  [ "$(id -u)" = 0 ] || fail "root is needed, for a network namespace"
  command -v buildah >/dev/null ||
    fail "buildah is missing: apt-get install buildah"
}

# Sets base: Debian's image from the registry, else one made with debootstrap.
find_base() {
  base=$registry_base
  if buildah inspect --type image "$base" >/dev/null 2>&1; then return; fi
  if buildah pull --quiet "$base" 2>"$scratch/pull.log"; then return; fi
  base=$local_base
  if buildah inspect --type image "$base" >/dev/null 2>&1; then return; fi
  command -v debootstrap >/dev/null || fail "$registry_base cannot be pulled" \
    "($(tail -n 1 "$scratch/pull.log")), and debootstrap, which would make a" \
    "base image, is missing: apt-get install debootstrap"
  debootstrap --variant=minbase bookworm "$scratch/base" >"$scratch/base.log" ||
    { tail "$scratch/base.log"; fail "debootstrap bookworm"; }
  # What the slim image leaves out.
  rm -rf "$scratch"/base/usr/share/{doc,info,locale,man} \
    "$scratch"/base/var/{cache/apt,lib/apt/lists}/*
  local made
  made=$(buildah from scratch)
  buildah add --quiet "$made" "$scratch/base" / >/dev/null
  buildah commit --quiet --rm "$made" "$base" >/dev/null
  rm -rf "$scratch/base"
}

# Sets pip_options: this machine's pip settings, so that pip reaches the same
# packages inside. Folders and files that they name are mounted, read-only.
find_pip_options() {
  pip_options=()
  local key value word
  for key in index-url extra-index-url find-links default-timeout cert; do
    value=$(python3 -m pip config get ":env:.$key" 2>/dev/null ||
      python3 -m pip config get "global.$key" 2>/dev/null ||
      python3 -m pip config get "install.$key" 2>/dev/null || true)
    [ -n "$value" ] || continue
    if [ "$key" = cert ]; then
      pip_options+=(--volume "$value:/run/pip-cert.pem:ro")
      value=/run/pip-cert.pem
    fi
    for word in $value; do
      case $word in
        # An index names files beside it: ../files/NAME.whl
        file:///*) word=$(dirname "${word#file://}") ;;
        /run/pip-cert.pem | [!/]*) continue ;;
      esac
      if [ -d "$word" ]; then pip_options+=(--volume "$word:$word:ro"); fi
    done
    key=${key^^}
    pip_options+=(--build-arg "PIP_${key//-/_}=${value//$'\n'/ }")
  done
}

build() {
  local version revision
  version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' data_prep/version.py)
  revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
  # The OCI format would drop the health check.
  buildah bud --isolation chroot --network host --format docker \
    --target "$target" --tag "$image" --build-arg "BASE=$base" \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
    "${pip_options[@]}" .
}

config() { buildah inspect --type image --format "{{$1}}" "$image"; }

# The lines of a list in the configuration.
list() { config "range $1}}{{println .}}{{end" | sed '/^$/d'; }

# Runs a command in the container as the image would, but for the user.
inside() {
  unshare --net buildah run --isolation chroot --user "$user" \
    --volume "$scratch/study:/study" "$container" -- "$@"
}

# The same with a root file system that is read-only, and /tmp of its own.
inside_read_only() {
  local root environment
  root=$(buildah mount "$container")
  mkdir -p "$root/study"
  mapfile -t environment < <(list .Docker.Config.Env)
  # shellcheck disable=SC2016
  unshare --net --mount sh -ec '
    root=$1; work=$2; user=$3; shift 3
    mount --bind "$root" "$root"
    mount --bind "$work" "$root/study"
    mount -t tmpfs tmpfs "$root/tmp"
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    mount --bind /sys "$root/sys"
    mount -o remount,bind,ro "$root"
    exec chroot --userspec="$user" "$root" env -i "$@"
  ' - "$root" "$scratch/study" "$user" "${environment[@]}" "$@"
}

# Fails unless a command ends with a code: expect 2 inside wmh-predict
expect() {
  local wanted=$1 code=0
  shift
  "$@" || code=$?
  [ "$code" = "$wanted" ] || fail "exit code $code instead of $wanted: $*"
}

check_config() {
  case $(config .Docker.Config.User) in
    "" | 0* | root*) fail "the image runs as root" ;;
  esac
  [ "$(config .Docker.Config.Entrypoint)" = "[wmh-entrypoint]" ] ||
    fail "entry point: $(config .Docker.Config.Entrypoint)"
  config '.Docker.Config.Labels' | tr ' ' '\n' | grep 'image.version:[0-9]' ||
    fail "no version label"
  if buildah inspect --type image "$image" | grep -q PIP_; then
    fail "pip settings of this machine are in the image"
  fi
  local health
  mapfile -t health < <(list .Docker.Config.Healthcheck.Test)
  [ "${health[0]-}" = CMD ] || fail "no health check"
  time inside "${health[@]:1}" >/dev/null
}

demo() {
  inside python -m data_prep.make_phantoms --output_dir=/study/heads \
    --num_subjects=24
  inside wmh-entrypoint wmh-prepare --input=/study/heads/cohort \
    --data_dir=/study/data --side=96 --fractions=0.6,0.15,0.25
  inside wmh-entrypoint wmh-train --flagfile=demo.cfg --data_dir=/study/data \
    --workdir=/study/run
  inside wmh-entrypoint wmh-evaluate --data_dir=/study/data --split=test \
    --model=/study/run --output_dir=/study/evaluation
  inside wmh-entrypoint wmh-predict --input=/study/heads/new \
    --model=/study/run --output_dir=/study/prediction
  inside wmh-entrypoint wmh-report --evaluations=/study/evaluation \
    --names=unet --data_dir=/study/data --output_dir=/study/report
  find "$scratch/study/prediction" -name '*_mask.nii.gz' | grep . ||
    fail "no mask"
  [ -s "$scratch/study/report/report.html" ] || fail "no report"
}

bids_app() {
  local app=(inside wmh-entrypoint /study/heads/cohort /study/derivative)
  local labels=()
  for folder in "$scratch"/study/heads/cohort/sub-*; do
    labels+=("${folder##*/sub-}")
  done
  # With the model in the image, into a folder of its own.
  inside wmh-entrypoint --version | grep "^model " || fail "no model inside"
  expect 0 inside wmh-entrypoint /study/heads/cohort /study/shipped \
    participant --participant_label "${labels[0]}"
  expect 1 "${app[@]}" group --model=/study/run
  # Two at once, into one folder.
  "${app[@]}" participant --model=/study/run \
    --participant_label "${labels[@]::2}" &
  expect 0 "${app[@]}" participant --model=/study/run \
    --participant_label "${labels[@]:2:2}"
  wait $!
  expect 1 "${app[@]}" group
  expect 0 "${app[@]}" group --participant_label "${labels[@]::4}"
  expect 0 inside_read_only wmh-entrypoint /study/heads/cohort \
    /study/derivative participant --model=/study/run
  expect 0 inside_read_only wmh-entrypoint /study/heads/cohort \
    /study/derivative group
  [ "$(grep -c ',done,' "$scratch/study/derivative/volumes.csv")" = \
    "${#labels[@]}" ] || fail "volumes.csv lacks participants"
}

check_written() {
  local root written
  root=$(buildah mount "$container")
  # What buildah itself writes for its runs is not of the program.
  written=$(find "$root" -xdev -newer "$scratch/start" -type f \
    -not -path "$root/tmp/*" -not -path "$root/run/*" -not -path "$root/etc/*")
  [ -z "$written" ] || fail "written outside of /tmp: $written"
  written=$(find "$scratch/study" -not -user "${user%:*}")
  [ -z "$written" ] || fail "output of another owner: $written"
}

report_size() {
  local root
  root=$(buildah mount "$container")
  buildah images "$image"
  du -sm "$root/opt/venv" "$root/usr" | sed "s|$root||"
  du -sm "$root"/opt/venv/lib/python3*/site-packages/* | sort -rn | head -n 12 |
    sed "s|$root/opt/venv/lib/||"
}

check_tools
say "Base image"
find_base
find_pip_options
say "Build of $image from $base"
build
container=$(buildah from --pull-never "$image")
mkdir "$scratch/study"
chown "$user" "$scratch/study"
touch "$scratch/start"
say "Configuration and health"
check_config
say "Demo, as user $user and without network"
demo
say "BIDS App"
bids_app
check_written
say "Size in MB"
report_size
say "$image works"
