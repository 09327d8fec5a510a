#!/usr/bin/env bash
# Builds tctl, the predecessor of the `temporal` CLI, for those who still use it, and prints where it is.
# Takes some minutes once; needs Go. The tests of docs/manual-retries.md find it there.
set -euo pipefail

version=1.18.0
tctl="${XDG_CACHE_HOME:-$HOME/.cache}/namespace-provisioner/tctl-$version"

if [ ! -x "$tctl" ]; then
  command -v go >/dev/null || { echo "buildTctl: install Go 1.21 or newer first, see https://go.dev/dl" >&2; exit 1; }
  module=$(mktemp -d)
  trap 'rm -rf "$module"' EXIT
  cd "$module"
  # In a module of our own: `go install` refuses tctl, as its go.mod has replace directives.
  go mod init tctl >&2
  go get "github.com/temporalio/tctl/cmd/tctl@v$version" >&2
  go build -o tctl github.com/temporalio/tctl/cmd/tctl
  mkdir -p "$(dirname "$tctl")"
  mv tctl "$tctl"
fi
echo "$tctl"
