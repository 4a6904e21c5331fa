# Sourced by setup_bluegreen.sh, new-site and uninstall.sh: the site as clients know it, its settings, certificates and files.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

readonly STATE=/var/lib/edgeproxy
readonly USUAL_PATHS=(/healthz /health /up /) # of health checks; HealthOptions.cs has them, too
readonly CERTIFICATES=/etc/edgeproxy/certificates # copies of Caddy's, to begin with

settings='' # the file that EdgeProxy will read, or reads
declare -A setting=()

# read_settings FILE: every value of it, by the name that an environment variable would have.
read_settings() {
  local line
  setting=()
  "$binary" check --config "$1" > "$work/check" || usage_error "$(cat "$work/check")"
  while IFS= read -r line; do
    setting[${line%%=*}]=${line#*=}
  done < <("$binary" check --config "$1" --show)
}

# values_of PATTERN: the values of the settings whose names match, in order.
values_of() {
  local name
  for name in "${!setting[@]}"; do
    # shellcheck disable=SC2053 # a pattern it is
    [[ $name != $1 ]] || printf '%s\t%s\n' "$name" "${setting[$name]}"
  done | sort -V | cut -f 2-
}

# hosts: the names of the site; where it responds to any, the address that it is asked by here.
hosts() {
  { tr -s '; ' '\n' <<< "${setting[AllowedHosts]:-*}"; values_of 'EdgeProxy__Sites__*__Hosts*'; } |
    awk 'NF && !/[*]/ && !told[$0]++ { print; any = 1 } END { exit !any }' || say 127.0.0.1
}
health_path() { printf '%s' "${setting[EdgeProxy__Health__Path]:-/}"; }

# settle_health_path ADDRESS: where the settings name none, EdgeProxy asks for the first of these that the app has, and so is asked here.
settle_health_path() {
  local path
  [ -z "${setting[EdgeProxy__Health__Path]:-}" ] || return 0
  for path in /v1/config/feature-flags/ "${USUAL_PATHS[@]}"; do
    case $(health_status "$(health_host)" "$1" "$path") in 30[1-8] | 401 | 403 | 404 | 405 | 410) ;; *) break ;; esac # as HealthProbe.cs
  done
  setting[EdgeProxy__Health__Path]=$path
}
health_host() {
  local host=${setting[EdgeProxy__Health__Host]:-$(values_of 'EdgeProxy__Tls__Acme__Domains__*' | head -n 1)}
  printf '%s' "${host:-$(hosts | head -n 1)}"
}
address_of() { printf '%s' "${setting[EdgeProxy__Slots__${1^}__Address]}"; }
port_of_address() { address_of "$1" | sed -n 's/.*:\([0-9]*\)\/*$/\1/p'; }
unit_of() { printf '%s' "${setting[EdgeProxy__Slots__${1^}__Unit]:-app-server-$1.service}"; }
other() { if [ "$1" = blue ]; then printf green; else printf blue; fi; }

# served: the directories that files are served from, DIRECTORY PATH a line: a route's root goes on with the path where that is not taken off.
served() {
  local name root route path
  for name in "${!setting[@]}"; do
    root=${setting[$name]%/}
    case $name in
      EdgeProxy__StaticFiles__*__Root)
        path=${setting[${name%Root}Path]}
        path=${path%/}
        ;;
      EdgeProxy__Sites__*__Files__Root)
        route=${name%Files__Root}
        path=${setting[${route}Path]:-${setting[${route}Path__0]:-}}
        # As import-nginx writes a prefix.
        [ -n "$path" ] || path=$(sed -nE 's/^\^((\/[A-Za-z0-9_-]+)+)\/$/\1/p' <<< "${setting[${route}Match__PathRegex]:-}")
        path=${path%/\*}
        [[ $path != *[*?[]* ]] || path='' # not a prefix
        path=${path#"${setting[${route}StripPrefix]:-}"}
        root+=$path
        path=${setting[${route}StripPrefix]:-}$path
        ;;
      *) continue ;;
    esac
    printf '%s\t%s\n' "$root" "$path"
  done | sort -u
}

# ask PORT SCHEME HOST PATH [OPTION...]: the status of the response, 000 when there is none; its body in $work/body. The certificate is looked at elsewhere.
ask() {
  local port=$1 url=$2://$3:$1$4 host=$3
  shift 4
  curl --silent --insecure --noproxy '*' --max-time 15 --output "$work/body" --write-out '%{http_code}' --resolve "$host:$port:127.0.0.1" "$@" "$url" || true
}

# presented PORT HOST: the certificate that a client of this name gets there; exit 1 where none.
presented() {
  openssl s_client -connect "127.0.0.1:$1" -servername "$2" < /dev/null 2> /dev/null | openssl x509 2> /dev/null
}

# is_good HOST < CERTIFICATE: for this name, and for another hour at least.
is_good() {
  local certificate
  certificate=$(cat)
  openssl x509 -noout -checkhost "$1" <<< "$certificate" | grep -q 'does match' && openssl x509 -noout -checkend 3600 <<< "$certificate" > /dev/null
}

# stored HOST: the certificate that Caddy keeps for it and that lives longest, without its extension; nothing where it has none.
stored() {
  local file end best=0 found=''
  while IFS= read -r file; do
    if [ ! -s "${file%.crt}.key" ] || ! is_good "$1" < "$file"; then
      continue
    fi
    end=$(date --date "$(openssl x509 -noout -enddate -in "$file" | cut -d = -f 2)" +%s)
    [ "$end" -le "$best" ] || { best=$end found=${file%.crt}; }
  done < <(find "$caddy_storage" -name '*.crt' -path "*/$1/*" 2> /dev/null)
  printf '%s' "$found"
}

# has_own HOST: EdgeProxy has ordered one itself, and keeps it.
has_own() { [ -s "$STATE/certificates/$1.pem" ] && is_good "$1" < "$STATE/certificates/$1.pem"; }

has_package() { dpkg-query --show --showformat '${db:Status-Status}' edgeproxy 2> /dev/null | grep -qx installed; }

# as_proxy COMMAND...: as EdgeProxy's user; before there is one as nobody, who may read what everybody may.
as_proxy() {
  if getent passwd edgeproxy > /dev/null; then
    setpriv --reuid edgeproxy --regid edgeproxy --init-groups --inh-caps=-all -- "$@"
  else
    setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all -- "$@"
  fi
}

# unreadable PATH: the first thing at or below it that EdgeProxy could not read; nothing when it can read all.
unreadable() {
  local above=$1
  while [ "$above" != / ] && ! as_proxy test -x "$(dirname "$above")"; do
    above=$(dirname "$above")
  done
  if ! as_proxy test -r "$1"; then
    as_proxy test -e "$1" && printf '%s' "$1" || printf '%s' "$above"
    return
  fi
  as_proxy find -L "$1" ! -readable -print -quit 2> /dev/null || true
}

# take_access PATH: what was given to EdgeProxy's user. Default entries go as a whole where there were none before: they override the umask.
take_access() {
  local saved=$BACKUP/acl${1//\//_}
  setfacl --remove u:edgeproxy "$1"
  [ -e "$saved" ] || return 0 # a directory on the way
  setfacl --recursive --remove u:edgeproxy "$1"
  if [ -d "$1" ]; then
    if grep -q '^default:' "$saved"; then setfacl --recursive --remove default:u:edgeproxy "$1"; else setfacl --recursive --remove-default "$1"; fi
  fi
}
