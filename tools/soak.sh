#!/usr/bin/env bash
# npm run soak -- [MINUTES]: the property tests again and again with new seeds, until time is up or one fails. A failure prints its seed.
# Raw frames that end in a way of their own are added to test/fixtures/corpus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/lib/setup.sh

build_all
end=$((SECONDS + ${1:-60} * 60))
round=0
while [ $SECONDS -lt $end ]; do
  round=$((round + 1))
  WEFT_CORPUS_EXTEND=1 WEFT_FUZZ_RUNS=${WEFT_FUZZ_RUNS:-20000} step "round $round" npx --no-install ava --timeout=30m || exit 1
done
say "$round rounds, no failure"
