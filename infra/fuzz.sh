#!/usr/bin/env bash
# Fuzz one reader or all of them, one after the other. usage: fuzz.sh [READER|all] [SECONDS] [FOLDER]
set -uo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PYTHONPATH=.:tests/fuzz
python=.venv/bin/python
seconds=${2:-600} folder=${3:-.motionlib/fuzz}
mkdir -p "$folder"
list() { $python -c "import fuzz_targets; print(*fuzz_targets.targets(), sep='\n')"; }

[ "${1:-all}" = all ] && readers=$(list) || readers=$1
failed=0
for reader in $readers; do
  echo "== $reader, $seconds s; log in $folder/$reader.log"
  nice -n 19 $python -W ignore tests/fuzz/fuzz_reader.py "$reader" "$seconds" "$folder" > "$folder/$reader.log" 2>&1 || failed=1
  [ -f "$folder/$reader.json" ] && cat "$folder/$reader.json" || tail -n 5 "$folder/$reader.log"
done
exit $failed
