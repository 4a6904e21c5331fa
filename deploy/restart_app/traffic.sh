# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the files beside this one
# What moves or holds traffic, and how a deploy ends.

readonly FORGOTTEN_PAUSE=$UNFINISHED/paused STILL_COMPANIONS=$UNFINISHED/companions
STAGE=start SOMEBODY_ELSE='' APP_PAUSED='' MIGRATED='' SWITCH_CODE=0
declare -a STOPPED=()

demand_quiet_traffic() {
  [ -z "$RUNNING_SWITCH" ] || die "$REFUSED" "a switch runs ($RUNNING_SWITCH): wait for its end (edgeproxy status), or call it back (edgeproxy rollback)"
  [ -z "$PAUSED" ] || [ -e "$FORGOTTEN_PAUSE" ] || die "$REFUSED" "the app is paused $PAUSED: somebody is at work; edgeproxy resume ends that"
  if [ -n "$FIRST" ]; then
    say "the first deploy: nothing is served yet, and $IDLE gets it"
  else
    say "$ACTIVE $(does) ${LABEL[$ACTIVE]:-a version without a label}; $IDLE is free${LABEL[$IDLE]:+, it had ${LABEL[$IDLE]}}"
  fi
  [ "$ACTION" = rollback ] || [ -z "${WARM_UNTIL[$IDLE]}" ] || warn "$IDLE is kept warm until ${WARM_UNTIL[$IDLE]}; its way back ends with this deploy"
}

# Between the active slot and its version, in words.
does() { if active_runs; then printf serves; else printf 'does not run (systemctl status %s); it has' "${UNIT[$ACTIVE]}"; fi; }

demand_fleet() {
  [ -n "$FLEET" ] || die "$REFUSED" "--stage is for the nodes of a fleet, and this proxy is in none (EdgeProxy:Fleet): deploy without it"
  [ -z "$PAUSE" ] || die "$USAGE" "--stage holds nobody: give --pause to the deploy that switches"
}

# note_staged LABEL: from here on this node takes no part in a switch to anything else.
note_staged() { edgeproxy fleet stage "$1" > /dev/null || die "$FAILED" "what is staged could not be noted (above)"; }

# Somebody may have moved traffic meanwhile; then the idle slot's tree is the one that serves.
demand_same_traffic() {
  local active=$ACTIVE
  read_status
  if [ "$ACTIVE" = "$active" ] && [ -z "$RUNNING_SWITCH" ]; then return; fi
  SOMEBODY_ELSE=yes
  die "$REFUSED" "traffic was moved by somebody else meanwhile: it is on $ACTIVE${RUNNING_SWITCH:+, and a switch runs ($RUNNING_SWITCH)}"
}

# Workers of the version that runs could not share the database either. They end their tasks while clients are still served, and stand still until the switch
# starts those of the new version.
stop_companions() {
  local unit
  for unit in "${COMPANIONS[@]}"; do
    ! systemctl --quiet is-active "$unit" || STOPPED+=("$unit")
  done
  [ ${#STOPPED[@]} -gt 0 ] || return 0
  say "stopping ${STOPPED[*]}: their tasks end first"
  mkdir -p "$UNFINISHED"
  printf '%s\n' "${STOPPED[@]}" > "$STILL_COMPANIONS"
  systemctl stop "${STOPPED[@]}" || die "$FAILED" "the companions could not be stopped (above)"
}

# Of the version that serves on.
start_companions() {
  [ ${#STOPPED[@]} -gt 0 ] || return 0
  say "starting ${STOPPED[*]} again"
  if systemctl start "${STOPPED[@]}"; then rm -f "$STILL_COMPANIONS"; else warn "they do not run: systemctl start ${STOPPED[*]}"; fi
}

pause_app() {
  say "pausing: clients wait"
  APP_PAUSED=yes
  mkdir -p "$UNFINISHED"
  touch "$FORGOTTEN_PAUSE"
  edgeproxy pause --max-wait "${SETTING[PAUSE_MAX_WAIT]}" || die "$FAILED" "the app could not be paused (above)"
}

resume_app() {
  [ -n "$APP_PAUSED" ] || return 0
  APP_PAUSED=
  if edgeproxy resume; then rm -f "$FORGOTTEN_PAUSE"; else warn "clients still wait: edgeproxy resume"; fi
}

# A deploy that was killed while it held clients, or while companions stood still. That none runs is known by the lock.
resume_forgotten() {
  if [ -e "$FORGOTTEN_PAUSE" ]; then
    say "a deploy was interrupted in its pause: resuming"
    APP_PAUSED=yes
    resume_app
  fi
  if [ -e "$STILL_COMPANIONS" ]; then
    # Those of a slot that does not serve any more are not to run: a switch has started the other slot's.
    mapfile -t STOPPED < <(grep -xF -f "$STILL_COMPANIONS" < <(printf '%s\n' "${COMPANIONS[@]}"))
    start_companions
    STOPPED=()
    rm -f "$STILL_COMPANIONS"
  fi
}

switch_over() {
  edgeproxy switch --label "$(short "$COMMIT")" ${FORCE:+--force} || SWITCH_CODE=$?
  [ "$SWITCH_CODE" = "$DONE" ] || [ "$SWITCH_CODE" = "$WARNINGS" ] || die "$SWITCH_CODE" "the switch did not succeed, or goes on without this script (above)"
}

roll_back() {
  local force=$FORCE$SHARED_TREE # in a shared tree the proxy cannot know that the earlier version is there again
  edgeproxy rollback ${force:+--force} || SWITCH_CODE=$?
  [ "$SWITCH_CODE" = "$DONE" ] || [ "$SWITCH_CODE" = "$WARNINGS" ] || die "$SWITCH_CODE" "the rollback did not succeed, or goes on without this script (above)"
}

# While the old slot still runs this is one step, and nothing on disk has to change.
call_back() {
  say "calling back the switch that runs ($RUNNING_SWITCH)"
  [ -z "$DRY_RUN" ] || return 0
  edgeproxy rollback ${FORCE:+--force} || SWITCH_CODE=$?
  exit "$SWITCH_CODE"
}

# PREVIOUS: the commit to go back to. With a tree for each slot it is still there; in a shared one the idle slot's label names it.
find_previous() {
  local label=${LABEL[$IDLE]}
  INTERPRETER=${SETTING[PYTHON]}
  [ -z "${SETTING[REQUIREMENTS]}" ] || INTERPRETER=$TREE/.venv/bin/python
  if [ -n "$SHARED_TREE" ]; then
    PREVIOUS=$(git_in "$TREE" rev-parse --verify --quiet "${label:-none}^{commit}") \
      || die "$REFUSED" "which commit ran before is not known ($IDLE's label: ${label:-none}); deploy it by its name"
    demand_clean
    return
  fi
  finish_cut_off_deploy
  PREVIOUS=$(head_of "$TREE")
  [ -n "$PREVIOUS" ] || die "$REFUSED" "$TREE has no version to go back to"
  [ -n "$FORCE" ] || [ -z "$label" ] || [ "$(short "$PREVIOUS")" = "$label" ] \
    || [ "$(git_in "$TREE" rev-parse --verify --quiet "$label^{commit}")" = "$PREVIOUS" ] \
    || die "$REFUSED" "$TREE is at $(short "$PREVIOUS"), but what ran there was $label; check it out there, or go to what is there with --force"
}

finish_cut_off_deploy() {
  [ -e "$UNFINISHED/$IDLE" ] && [ -z "$DRY_RUN" ] || return 0
  read_unfinished
  TOUCHED=yes
  put_tree_back
  TOUCHED=
}

# However the script ends once it has the lock.
leave() {
  local code=$?
  trap - EXIT
  trap '' HUP INT TERM # what is undone now is undone wholly
  set +e
  stop_step
  case $code in [0-5] | 129 | 130 | 143) ;; *) code=$FAILED ;; esac # of git or pip
  case $STAGE in
    live) rm -f "$UNFINISHED/$IDLE" "$STILL_COMPANIONS"; drop_manifest_copy ;;
    switch) after_failed_switch ;;
    *) undo ;;
  esac
  resume_app
  [ "$STAGE" = live ] || tell_full_disk
  exit "$code"
}

# Traffic has not moved, or was moved back, or is on its way: only the proxy knows.
after_failed_switch() {
  local active=$ACTIVE
  if ! (read_status && [ "$ACTIVE" = "$active" ] && [ -z "$RUNNING_SWITCH" ]); then
    [ ${#PENDING[@]} -eq 0 ] || say "applied: ${PENDING[*]}"
    warn "whether traffic has moved is not known here, so nothing was undone: edgeproxy status tells; deploy again when it is quiet"
    [ ${#STOPPED[@]} -eq 0 ] || warn "the next deploy starts ${STOPPED[*]} again, if traffic is on $active then"
    return
  fi
  undo
}

undo() {
  case $STAGE in migrate | switch) tell_applied ;; esac
  if [ -n "$SOMEBODY_ELSE" ]; then
    warn "$TREE was left as it is, as it may serve now"
    return
  fi
  put_manifest_back
  put_tree_back
  start_companions
  if [ -n "$FIRST" ]; then
    say "nothing is served, as before: no version is live yet"
  elif active_runs; then
    say "$ACTIVE serves as before${LABEL[$ACTIVE]:+, ${LABEL[$ACTIVE]}}"
  else
    warn "$ACTIVE does not run, so nothing is served: systemctl status ${UNIT[$ACTIVE]}"
  fi
  # Not `edgeproxy switch` alone, which would start what the tree has again.
  [ "$STAGE,$ACTION" != switch,deploy ] || say "next: mend $WANTED, push it, and deploy it again"
}

tell_what_is_live() {
  local before=$ACTIVE
  [ -z "$WANTED" ] || say "live: $IDLE with $(titled "$COMMIT") of $WANTED"
  [ -n "$WANTED" ] || say "live: $IDLE with $(titled "$PREVIOUS"), as before"
  if [ -n "$FIRST" ]; then
    say "it is the first version: there is none to go back to"
  elif [ -n "$SHARED_TREE" ]; then
    say "to go back: restart_app.sh --rollback, to $before${BEFORE:+ with $(titled "$BEFORE")}"
  elif [ -n "$(head_of "${TREE_OF[$before]}")" ]; then
    say "to go back: restart_app.sh --rollback, to $before with $(titled "$(head_of "${TREE_OF[$before]}")")"
  else
    say "to go back: edgeproxy rollback, to what $before ran; it is no checkout of ${SETTING[REPOSITORY]}"
  fi
}

# What --dry-run says. It looks at the remote, and changes nothing.
tell_plan() {
  local remote=${SETTING[REMOTE]} found
  demand_name
  found=$(timeout --foreground "${SETTING[FETCH_TIMEOUT]}" "${AS_OWNER[@]}" \
    git -C "${SETTING[REPOSITORY]}" ls-remote "$remote" "refs/heads/$WANTED" "refs/tags/$WANTED") \
    || die "$FAILED" "$remote cannot be asked for $WANTED"
  [ ! -e "$TREE/.git" ] || demand_clean
  say "would fetch ${found:+${found:0:12}, which is }$WANTED, from $remote into ${SETTING[REPOSITORY]}, as $OWNER"
  say "would check it out in $TREE, for ${UNIT[$IDLE]}"
  [ -z "${SETTING[SHARED_PATHS]}" ] || [ -n "$SHARED_TREE" ] || say "would link there, from ${SETTING[SHARED]}: ${SETTING[SHARED_PATHS]//:/, }"
  [ -z "${SETTING[REQUIREMENTS]}" ] || say "would build, or find, a virtual environment for ${SETTING[REQUIREMENTS]//:/, } in ${SETTING[VENVS]}"
  say "would run, as ${UNIT[$IDLE]} is run: manage.py check --deploy, collectstatic"
  [ -z "$STAGE_ONLY" ] || { say "would note that $IDLE has it: edgeproxy fleet stage COMMIT"; return; }
  [ -z "$PAUSE" ] || [ ${#COMPANIONS[@]} -eq 0 ] || say "would stop companions: ${COMPANIONS[*]}"
  [ -z "$PAUSE" ] || say "would hold requests: edgeproxy pause --max-wait ${SETTING[PAUSE_MAX_WAIT]}"
  say "would run, as ${UNIT[$IDLE]} is run: manage.py migrate"
  say "would run edgeproxy switch --label COMMIT${FORCE:+ --force}"
  [ -z "$PAUSE" ] || say "would resume: edgeproxy resume"
}
