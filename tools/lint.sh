#!/bin/sh
# All that can be judged without running the program. Prints every fault, then fails if there was one.
set -u
cd "$(dirname "$0")/.." || exit 4
status=0
complain() {
  echo "lint: $1" >&2
  status=1
}

sources=$(git ls-files '*.h' '*.cc')

# shellcheck disable=SC2086
clang-format-19 --dry-run --Werror $sources || complain "layout: run 'make format'"

tools/check_includes.py --check ARCHITECTURE.md || complain "an include goes where it may not"

# shellcheck disable=SC2086
wc -l $sources | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines; 600 at most"; bad = 1 } END { exit bad }' ||
  complain "a file is too long"

# shellcheck disable=SC2046
shellcheck tools/install-packages tools/build-folder .ci/run $(git ls-files '*.sh') || complain "shellcheck"

# clang-tidy: .clang-tidy says which checks and why.
cmake --preset release -DNIBBLE_TESTS=ON >/dev/null || complain "cmake"
git ls-files 'src/*.cc' 'apps/*.cc' | xargs -P "$(nproc)" -n 4 clang-tidy-19 --quiet -p build 2>/dev/null ||
  complain "clang-tidy"

[ $status -eq 0 ] && echo "lint: clean" >&2
exit $status
