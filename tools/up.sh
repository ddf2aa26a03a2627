#!/usr/bin/env bash
# npm run up -- [--detach] [--state DIR] …: from a fresh clone to a running fabric. Arguments are those of `weft up`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/lib/setup.sh

ensure_programs ip:iproute2 busybox:busybox
build_all
exec node dist/cli/main.js up "$@"
