#!/bin/sh
# Copies yesterday's lists away.
set -eu
for list in lists/*.csv; do
  [ -s "$list" ] && cp -p -- "$list" "archive/$(basename "$list")"
done
echo done
