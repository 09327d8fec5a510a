#!/bin/sh
# Makes the namespace `default`, and waits until all parts of the server know it.
set -eu
until temporal operator namespace describe -n default >/dev/null 2>&1 ||
  temporal operator namespace create -n default --retention 8760h; do
  sleep 1
done
until temporal workflow list -n default --limit 1; do
  sleep 1
done
