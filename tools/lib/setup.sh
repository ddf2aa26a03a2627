# Shared by up.sh, test.sh and soak.sh: everything between a fresh clone and a built tree. Each function does only what is missing, so
# running it again costs a second, and an interrupted run goes on where it stopped. To be sourced from the repository's root.

NODE_MAJOR_MIN=20
NODE_MINOR_MIN=19
STAMPS=node_modules/.weft

# say TEXT: one line of progress.
say() { printf '%s\n' "$*"; }

# fail TEXT REMEDY: one line each, then the end.
fail() {
  printf 'weft: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '      remedy: %s\n' "$2" >&2
  exit 1
}

# step TITLE COMMAND...: runs it with its output kept, shown only when it fails.
step() {
  local title=$1 log started code=0 ticker=
  shift
  log=$(mktemp)
  started=$SECONDS
  printf -- '-- %s ' "$title"
  if [ -t 1 ]; then
    tick "$title" &
    ticker=$!
  fi
  "$@" >"$log" 2>&1 </dev/null || code=$?
  if [ -n "$ticker" ]; then
    kill "$ticker" 2>/dev/null
    wait "$ticker" 2>/dev/null || true
    printf '\r-- %s ' "$title"
  fi
  if [ "$code" -eq 0 ]; then
    printf 'ok (%s s)\n' $((SECONDS - started))
  else
    printf 'FAILED (%s s)\n' $((SECONDS - started))
    cat "$log"
  fi
  rm -f "$log"
  return "$code"
}

# On a terminal: the seconds that pass, until it is killed.
tick() {
  local started=$SECONDS
  while sleep 1; do printf '\r-- %s … %s s ' "$1" $((SECONDS - started)); done
}

require_node() {
  command -v node >/dev/null ||
    fail 'Node.js is not installed' 'install Node.js 20.19 or later, e.g. from https://nodejs.org'
  local version major minor
  version=$(node -p process.versions.node)
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  if [ "$major" -lt $NODE_MAJOR_MIN ] || { [ "$major" -eq $NODE_MAJOR_MIN ] && [ "$minor" -lt $NODE_MINOR_MIN ]; }; then
    fail "Node.js $version is too old" "install Node.js $NODE_MAJOR_MIN.$NODE_MINOR_MIN or later"
  fi
}

require_compiler() {
  command -v cc >/dev/null || command -v gcc >/dev/null ||
    fail 'there is no C compiler' 'apt-get install -y gcc libc6-dev'
}

# ensure_programs PROGRAM:PACKAGE...: installs the Debian packages of the programs that are missing.
ensure_programs() {
  local pair packages=()
  for pair in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
  done
  [ ${#packages[@]} -gt 0 ] || return 0
  local install="apt-get install -y --no-install-recommends ${packages[*]}"
  command -v apt-get >/dev/null ||
    fail "not installed: ${packages[*]}" 'install these with your package manager'
  [ "$(id -u)" -eq 0 ] || fail "not installed: ${packages[*]}" "sudo $install"
  step "installing ${packages[*]}" install_packages "${packages[@]}" ||
    fail 'packages could not be installed' "$install"
}

# prefer_programs PROGRAM:PACKAGE...: as ensure_programs, but what cannot be installed is only told: its tests say that they are skipped.
prefer_programs() {
  (ensure_programs "$@") || say '   going on without'
}

# A machine that has never run apt-get update knows no packages: then, and only then, it is asked to. Daemons among the packages are for
# tests, which start their own: none is started now, and whoever has forbidden that already is left alone.
install_packages() (
  export DEBIAN_FRONTEND=noninteractive
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt-get install -y --no-install-recommends "$@" ||
    { apt-get update && apt-get install -y --no-install-recommends "$@"; }
)

# current NAME FILE...: true when the stamp says that NAME was made from these files as they are now.
current() {
  local name=$1
  shift
  [ "$(cat "$STAMPS/$name" 2>/dev/null)" = "$(fingerprint "$@")" ]
}

stamp() {
  local name=$1
  shift
  mkdir -p "$STAMPS"
  fingerprint "$@" >"$STAMPS/$name"
}

fingerprint() { cat "$@" | sha256sum | cut -d ' ' -f 1; }

# Packages of the lock file. Their install scripts are not run: what is native among them brings prebuilt binaries, but for raw-socket.
ensure_node_modules() {
  # A link means that the directory is shared and somebody else keeps it current.
  [ ! -L node_modules ] || return 0
  ! current packages package-lock.json || return 0
  step 'npm packages' npm ci --ignore-scripts --no-audit --no-fund --loglevel=error ||
    fail 'npm ci failed' 'see above; it needs access to an npm registry'
  stamp packages package-lock.json
}

# raw-socket brings its source only. Whether it is built is asked by loading it, since what was built for another Node does not load.
# Only connectivity checks between hosts need it, and say so without it: a machine where it cannot be built goes on.
ensure_raw_socket() {
  [ ! -L node_modules ] || return 0
  ! raw_socket_loads || return 0
  prefer_programs python3:python3 g++:g++ make:make
  step 'raw-socket' build_raw_socket || say '   going on without: weft check --provider will not work'
}

raw_socket_loads() { node -e 'require("raw-socket")' >/dev/null 2>&1; }

# By the node-gyp that npm brings. Headers beside the Node in use are taken; without them node-gyp downloads those of its version.
build_raw_socket() {
  local prefix
  prefix=$(node -p 'path.dirname(path.dirname(process.execPath))')
  [ ! -f "$prefix/include/node/node_version.h" ] || export npm_config_nodedir=$prefix
  npm rebuild raw-socket --ignore-scripts=false --loglevel=error && raw_socket_loads
}

build_addon() {
  [ -f native/Makefile ] || return 0
  step 'native addon' make -s -C native || fail 'the addon did not compile' 'see the messages above'
}

build_typescript() {
  step 'TypeScript' npx --no-install tsc -b || fail 'TypeScript did not compile' 'see the messages above'
  # npx makes the command executable only when it first links it; a tree that is built anew has another file there.
  chmod 755 dist/cli/main.js
}

# From a fresh clone to a tree that runs.
build_all() {
  require_node
  require_compiler
  ensure_programs make:make
  ensure_node_modules
  ensure_raw_socket
  build_addon
  build_typescript
}
