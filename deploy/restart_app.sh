#!/usr/bin/env bash
# Deploys a version of the app to the idle slot and switches to it; until the switch clients notice nothing, and when anything fails they
# are served on by the version before.
#
#   restart_app.sh BRANCH [OPTIONS]     a branch, a tag or a commit of the site's repository
#   restart_app.sh --rollback [OPTIONS] back to the version before
#
#   --stage              on each node of a fleet: all but the migration and the switch, which the same command without it does on one node afterwards
#   --pause              hold all requests from before the migration until after the switch, and stop companions: for what two versions cannot share
#   --allow-destructive  migrate although the running version may fail on the new tables (the contract step of expand and contract)
#   --discard            overwrite changes that somebody has made in the idle slot's tree
#   --force              as for `edgeproxy switch` and `edgeproxy rollback`; roll back also to a tree that has another commit than its slot
#   --dry-run            say what would be done, and change nothing
#   --config FILE        the site's settings; default /etc/edgeproxy/deploy.conf, which need not be there
#
# Run by root (sudo). Exit codes are those of edgeproxy: 0 live; 1 failed, the version before serves; 2 wrong usage or settings; 3 the proxy
# cannot be reached; 4 refused (another deploy or switch runs, a dirty tree, a destructive migration); 5 live, with a warning.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin # the system's first: python3 beside it may be a script of pyenv's
umask 022
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/restart_app

readonly DONE=0 FAILED=1 USAGE=2 REFUSED=4 WARNINGS=5

# shellcheck source=restart_app/settings.sh
source "$HERE/settings.sh"
# shellcheck source=restart_app/site.sh
source "$HERE/site.sh"
# shellcheck source=restart_app/trees.sh
source "$HERE/trees.sh"
# shellcheck source=restart_app/venv.sh
source "$HERE/venv.sh"
# shellcheck source=restart_app/django.sh
source "$HERE/django.sh"
# shellcheck source=restart_app/traffic.sh
source "$HERE/traffic.sh"

say() { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }
warn() { say "warning: $*" >&2; }

die() { # EXIT_CODE TEXT...
  local code=$1
  shift
  printf 'restart_app.sh: %s\n' "$@" >&2
  exit "$code"
}

usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

main() {
  parse_arguments "$@"
  [ "$(id -u)" = 0 ] || die "$REFUSED" "only root may read the units' secrets and become their users: run it with sudo"
  read_settings "$CONFIG"
  read_site
  if [ "$ACTION" = rollback ]; then rollback; else deploy; fi
}

parse_arguments() {
  ACTION=deploy WANTED='' CONFIG='' PAUSE='' STAGE_ONLY='' ALLOW_DESTRUCTIVE='' DISCARD='' FORCE='' DRY_RUN=''
  while [ $# -gt 0 ]; do
    case $1 in
      --rollback) ACTION=rollback ;;
      --stage) STAGE_ONLY=yes ;;
      --pause) PAUSE=yes ;;
      --allow-destructive) ALLOW_DESTRUCTIVE=yes ;;
      --discard) DISCARD=yes ;;
      --force) FORCE=yes ;;
      --dry-run) DRY_RUN=yes ;;
      --config) [ $# -ge 2 ] || die "$USAGE" "--config wants a file"; CONFIG=$2; shift ;;
      --help | -h) usage; exit "$DONE" ;;
      -*) die "$USAGE" "there is no option $1; see --help" ;;
      *) [ -z "$WANTED" ] || die "$USAGE" "one branch, not both '$WANTED' and '$1'"; WANTED=$1 ;;
    esac
    shift
  done
  case $ACTION,${WANTED:+named} in
    deploy,) die "$USAGE" "which branch, tag or commit? See --help" ;;
    rollback,*) [ -z "$STAGE_ONLY" ] || die "$USAGE" "--stage is a part of a deploy: it goes with no --rollback" ;;&
    rollback,named) die "$USAGE" "--rollback goes back to what ran before: it takes no branch ('$WANTED')" ;;
  esac
}

# The story of a deploy. STAGE tells leave() how far it came.
deploy() {
  [ -z "$STAGE_ONLY" ] || demand_fleet
  demand_quiet_traffic
  demand_no_venv
  if [ -n "$DRY_RUN" ]; then
    tell_plan
    return
  fi
  begin
  fetch_commit
  STAGE=build
  check_out "$COMMIT"
  link_shared_paths
  prepare_venv
  check_project
  learn_project
  demand_same_roots
  demand_kind_migrations
  collect_static
  demand_same_traffic
  [ -z "$FLEET" ] || note_staged "$(short "$COMMIT")"
  if [ -n "$STAGE_ONLY" ]; then
    STAGE=live # nothing is undone
    remove_old_venvs
    say "staged: $IDLE has $(titled "$COMMIT"); when every node has it, on one of them: restart_app.sh $WANTED"
    exit "$DONE"
  fi
  [ -z "$PAUSE" ] || { stop_companions; pause_app; }
  STAGE=migrate
  migrate
  demand_same_traffic
  STAGE=switch
  switch_over
  STAGE=live
  resume_app
  remove_old_venvs
  tell_what_is_live
  exit "$SWITCH_CODE"
}

# From here on, however the script ends, leave() undoes and says what there is to undo and to say.
begin() {
  take_lock
  trap leave EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  resume_forgotten
}

rollback() {
  if [ -n "$RUNNING_SWITCH" ]; then
    call_back # the deploy that waits for it puts its tree back
    return
  fi
  demand_quiet_traffic
  [ -n "$DRY_RUN" ] || begin
  find_previous
  if [ -n "$DRY_RUN" ]; then
    say "would go back to $IDLE, $PREVIOUS"
    return
  fi
  STAGE=build
  if [ -n "$SHARED_TREE" ]; then
    COMMIT=$PREVIOUS
    check_out "$COMMIT"
    prepare_venv
  fi
  learn_previous
  [ -n "${WARM_UNTIL[$IDLE]}" ] || collect_static_again
  STAGE=switch
  roll_back
  STAGE=live
  [ -z "${WARM_UNTIL[$IDLE]}" ] || collect_static_again
  tell_what_is_live
  exit "$SWITCH_CODE"
}

main "$@"
