# What build-deb and check-deb share. Sourced by them, in the root of the tree.
# shellcheck shell=bash
set -euo pipefail
export LC_ALL=C.UTF-8

cache=${XDG_CACHE_HOME:-$HOME/.cache}/esp-at-gateway/deb
native=$(dpkg --print-architecture)

# As root, or as an ordinary user with user namespaces.
mode=root
as_root=()
if ((EUID != 0)); then
    mode=unshare
    as_root=(unshare --map-root-user --map-auto --)
fi

# host_packages WHAT=PACKAGE...: install the Debian packages of what is not called or there.
host_packages() {
    local pair missing=()
    for pair; do
        command -v "${pair%=*}" > /dev/null || [[ -e ${pair%=*} ]] || missing+=("${pair#*=}")
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        echo "Debian packages are missing, please type: sudo apt-get install ${missing[*]}" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# Debian's packages come from where this machine has its own from.
mirror() {
    local found
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2> /dev/null |
        grep '/debian/*$' | sort -u | head -n 1 || true)
    echo "${found:-http://deb.debian.org/debian}"
}

# fingerprint PATH...: a short name for the content of files; another content, another name.
fingerprint() {
    find "$@" -type f -not -name '*.pyc' -not -path '*/.*' -printf '%m %p\0' | sort -z |
        while IFS=' ' read -r -d '' rights path; do
            echo "$rights $path $(sha256sum < "$path")"
        done | sha256sum | cut -c 1-16
}

# chroot_archive SUITE ARCHITECTURE VARIANT PACKAGE...: prints the archive of such a Debian,
# made now if there is none. Its packages are kept: the next one takes them from there.
chroot_archive() {
    local suite=$1 architecture=$2 variant=$3
    shift 3
    local name archive
    name=$suite-$architecture-$variant-$(sha256sum <<< "$*" | cut -c 1-8)
    archive=$cache/$name.tar.zst
    if [[ ! -e $archive ]]; then
        echo "Making a clean Debian ($suite, $architecture) in $archive ..." >&2
        mkdir -p "$cache/debs/$suite"
        mmdebstrap --quiet --mode="$mode" --variant="$variant" --architectures="$architecture" \
            --aptopt='Acquire::Languages "none"' \
            --dpkgopt='path-exclude=/usr/share/locale/*' \
            --skip=download/empty --skip=essential/unlink \
            --setup-hook='mkdir -p "$1/var/cache/apt/archives"' \
            --setup-hook="sync-in '$cache/debs/$suite' /var/cache/apt/archives" \
            --customize-hook="sync-out /var/cache/apt/archives '$cache/debs/$suite'" \
            --customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb' \
            ${1:+"--include=$(tr ' ' ',' <<< "$*")"} \
            "$suite" - "$(mirror)" | zstd -q -3 -T0 -o "$archive.new" -f
        mv "$archive.new" "$archive"
    fi
    echo "$archive"
}
