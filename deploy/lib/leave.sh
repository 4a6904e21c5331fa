# Sourced by setup_bluegreen.sh and uninstall.sh: the end of an uninstall, when Caddy serves again. The next run of either does what a killed one has left.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

left='' # what an uninstall had left was done

# remove_product SLOT_UNIT UPSTREAM_FILE EVERYTHING: nothing depends on it any more. The slot that serves keeps running, unless Caddy sends to the single unit,
# as SLOT_UNIT says; its unit is as it was.
remove_product() {
  local file slot_unit=$1 upstream=$2 everything=$3
  step "EdgeProxy"
  [ -z "$dry" ] || is_gone edgeproxy.service || say "  wait until edgeproxy.service has responded to its last requests"
  until [ -n "$dry" ] || is_gone edgeproxy.service; do
    sleep 0.2
  done
  if [ -n "$slot_unit" ]; then
    change "stop $slot_unit" systemctl stop "$slot_unit"
  fi
  while read -r file; do
    [ "$file" != "$upstream" ] || continue
    if [ -e "$ORIGINALS$file" ]; then
      change "put back $file" restore_original "$file"
    elif [ -n "$everything" ] || ! is_yours "$file"; then
      change "remove $file" rm -f "$file"
      case $dry$(dirname "$file") in
        "$CERTIFICATES") ;; # the settings, which stay, name it
        /etc/*edgeproxy* | *.service.d) [ ! -d "$(dirname "$file")" ] || rmdir --ignore-fail-on-non-empty "$(dirname "$file")" ;;
      esac
    fi
  done < <(cat "$TOUCHED" 2> /dev/null)
  while read -r file; do
    change "take the right to read $file from edgeproxy" take_access "$file"
  done < <(sort -u "$BACKUP/granted" 2> /dev/null)
  if [ -n "$everything" ]; then
    change "remove state, logs and settings" remove_state
    has_package || ! getent passwd edgeproxy > /dev/null || change "remove the user edgeproxy" userdel edgeproxy
  fi
  change "forget what was kept" rm -rf "$BACKUP"
  [ -z "$everything" ] || [ -n "$dry" ] || has_package || rmdir --ignore-fail-on-non-empty /etc/edgeproxy
  ! has_package || say "  the package stays, with its files and its user; apt purge edgeproxy removes it"
  [ -n "$dry" ] || systemctl daemon-reload
  left=1
}

restore_original() { cp -a "$ORIGINALS$1" "$1.edgeproxy" && mv -f "$1.edgeproxy" "$1"; }

# remove_state: all but what a run after a killed one needs to come to its end.
remove_state() {
  rm -rf /var/lib/edgeproxy /var/log/edgeproxy
  find /etc/edgeproxy -mindepth 1 -maxdepth 1 ! -path "$BACKUP" -exec rm -rf {} +
}

# is_yours FILE: settings, which stay; of the deploys', when somebody has changed them since setup_bluegreen.sh wrote them.
is_yours() {
  case $1 in
    /etc/edgeproxy/appsettings.json) ;;
    /etc/edgeproxy/deploy.conf) ! sha256sum --check --status "$DEPLOY_CONF_WRITTEN" 2> /dev/null ;;
    *) return 1 ;;
  esac
}
