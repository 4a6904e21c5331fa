#!/usr/bin/env bash
# Builds a Debian package and a tar.gz of EdgeProxy, the same files in both: the native binary, its manual page and completions, the units,
# the scripts that set up a site and deploy to it.
#
#   deploy/package.sh [OPTIONS]
#     --version V      the package's version; without it what the binary says of itself (VersionPrefix in Directory.Build.props)
#     --output DIR     where to put both (artifacts/packages)
#     --architecture A what the package is for, amd64 or arm64 (this machine's)
#     --binary FILE    the native binary; without it deploy/publish builds one
#     --own FILE       one of the same version for this machine, where the binary is for another: it says what goes into the manual page
#     --level N        how hard to compress, 0 to 9 (6)
#
# The same sources and binary give the same bytes: times are those of SOURCE_DATE_EPOCH, else of the last commit. Needs no root.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
umask 022

usage_error() { echo "package.sh: $*" >&2; exit 2; }

version='' output=artifacts/packages binary='' level=6 own='' architecture=$(dpkg --print-architecture)
while [ $# -gt 0 ]; do
  case $1 in
    --version | --output | --binary | --level | --own | --architecture)
      [ $# -ge 2 ] || usage_error "$1 wants a value"
      declare "${1#--}=$2"
      shift 2
      ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) usage_error "what is $1? See --help" ;;
  esac
done

case $architecture in
  amd64 | arm64) runtime=linux-${architecture/amd/x} ;;
  *) usage_error "--architecture is amd64 or arm64, not $architecture" ;;
esac
if [ -z "$binary" ]; then
  directory=artifacts/native
  [ "$architecture" = "$(dpkg --print-architecture)" ] || directory=artifacts/$runtime
  deploy/publish "$directory" "$runtime" >&2
  binary=$directory/edgeproxy
fi
[ -x "$binary" ] || usage_error "$binary is no program"
binary=$(realpath "$binary")
own=$(realpath "${own:-$binary}")
[[ $level =~ ^[0-9]$ ]] || usage_error "--level is 0 to 9, not $level"
[ -n "$version" ] || version=$("$own" version | cut -d' ' -f2)
dpkg --validate-version "$version" || usage_error "$version is no version of a package"
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || date +%s)}
export SOURCE_DATE_EPOCH=$epoch

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/root
tree=$stage/edgeproxy-$version-linux-$architecture

put() { install -D --mode "${3:-0644}" "$1" "$2"; }

# The scripts and what they install, as they lie here; not what builds packages.
put_deploy() { # DIRECTORY
  mkdir -p "$1"
  tar -C deploy --create --exclude ./package --exclude ./package.sh --exclude ./release --exclude ./publish --exclude ./install-packages . |
    tar -C "$1" --extract --no-same-owner
}

# What the binary says of itself, made once for both.
generated=$stage/generated
mkdir "$generated"
"$own" man > "$generated/edgeproxy.1"
"$own" completion bash > "$generated/edgeproxy.bash"
"$own" completion zsh > "$generated/_edgeproxy"
"$own" completion fish > "$generated/edgeproxy.fish"

# What Debian's tools read (deb-changelog(5)): that there is this version.
debian_changelog() {
  printf 'edgeproxy (%s) unstable; urgency=medium\n\n  * What has changed is in CHANGELOG.md.gz.\n\n' "$version"
  printf ' -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' deploy/package/control)" "$(date --utc --rfc-email --date "@$epoch")"
}

fill_root() {
  local unit kind doc=$root/usr/share/doc/edgeproxy
  put "$binary" "$root/usr/bin/edgeproxy" 0755
  for unit in edgeproxy.service edgeproxy-http.socket edgeproxy-https.socket; do
    put "deploy/systemd/$unit" "$root/usr/lib/systemd/system/$unit"
  done
  for kind in sysusers.d tmpfiles.d; do
    put "deploy/$kind/edgeproxy.conf" "$root/usr/lib/$kind/edgeproxy.conf"
  done
  put deploy/polkit/49-edgeproxy.rules "$root/usr/share/polkit-1/rules.d/49-edgeproxy.rules"
  put deploy/logrotate.d/edgeproxy "$root/etc/logrotate.d/edgeproxy"
  put "$generated/edgeproxy.bash" "$root/usr/share/bash-completion/completions/edgeproxy"
  put "$generated/_edgeproxy" "$root/usr/share/zsh/vendor-completions/_edgeproxy"
  put "$generated/edgeproxy.fish" "$root/usr/share/fish/vendor_completions.d/edgeproxy.fish"
  put "$generated/edgeproxy.1" "$root/usr/share/man/man1/edgeproxy.1"
  gzip -9n "$root/usr/share/man/man1/edgeproxy.1"
  put_deploy "$root/usr/share/edgeproxy/deploy"

  put CHANGELOG.md "$doc/CHANGELOG.md"
  debian_changelog > "$doc/changelog"
  gzip -9n "$doc/CHANGELOG.md" "$doc/changelog"
  put deploy/package/lintian-overrides "$root/usr/share/lintian/overrides/edgeproxy"
  put LICENSE "$doc/copyright"
  put README.md "$doc/README.md"
  cp -r docs "$doc/docs"
  rm "$doc/docs/edgeproxy.1"
  put appsettings.json "$doc/examples/appsettings.json"
  put deploy/prometheus/edgeproxy.rules.yml "$doc/examples/edgeproxy.rules.yml"
  find "$doc" -type f -exec chmod 0644 {} +
}

fill_control() {
  local control=$root/DEBIAN glibc size
  glibc=$(grep -ao 'GLIBC_2\.[0-9]*' "$binary" | sort -Vu | tail -n 1)
  size=$(find "$root" -type f -printf '%s\n' | awk '{ kilobytes += int(($1 + 1023) / 1024) } END { print kilobytes }') # deb-substvars(5)
  mkdir "$control"
  sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@GLIBC@/${glibc#GLIBC_}/" \
    -e "s/@SIZE@/$size/" deploy/package/control > "$control/control"
  (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum > DEBIAN/md5sums)
  echo /etc/logrotate.d/edgeproxy > "$control/conffiles"
  for script in postinst prerm postrm; do
    put "deploy/package/$script" "$control/$script" 0755
  done
}

fill_tree() {
  put "$binary" "$tree/bin/edgeproxy" 0755
  put_deploy "$tree/deploy"
  mkdir -p "$tree/completions"
  cp "$generated/edgeproxy.bash" "$generated/_edgeproxy" "$generated/edgeproxy.fish" "$tree/completions/"
  cp -r docs "$tree/docs"
  put "$generated/edgeproxy.1" "$tree/docs/edgeproxy.1"
  for file in appsettings.json README.md CHANGELOG.md LICENSE; do
    put "$file" "$tree/$file"
  done
}

fill_root
fill_control
fill_tree
find "$root" "$tree" -exec touch --no-dereference --date "@$epoch" {} +
mkdir -p "$output"
dpkg-deb --root-owner-group -Zxz "-z$level" --threads-max=1 --build "$root" "$output/edgeproxy_${version}_$architecture.deb" > /dev/null
tar -C "$stage" --create --sort=name --owner=0 --group=0 --numeric-owner --mtime "@$epoch" --format=gnu "${tree##*/}" |
  gzip -n "-$((level > 0 ? level : 1))" > "$output/${tree##*/}.tar.gz"
echo "$output/edgeproxy_${version}_$architecture.deb"
echo "$output/${tree##*/}.tar.gz"
