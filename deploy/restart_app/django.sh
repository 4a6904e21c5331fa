# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the files beside this one
# What the project's manage.py does, as the idle unit's user and with its environment.

MANIFEST='' MANIFEST_COPY='' ROOTS=''
declare -a PENDING BREAKS

manage() { as_unit "$IDLE" "$INTERPRETER" "${SETTING[MANAGE]}" "$@"; }

check_project() {
  say "manage.py check --deploy"
  manage check --deploy < /dev/null || die "$FAILED" "manage.py check found errors (above)"
}

# RESPONSE: what the project of a slot says of itself, by facts.py.
ask_project() { # SLOT INTERPRETER all|roots
  RESPONSE=$(as_unit "$1" env "EDGEPROXY_ASK=$3" "$2" "${SETTING[MANAGE]}" shell -c \
    'import sys; exec(compile(sys.stdin.read(), "facts.py", "exec"), {"__name__": "facts"})' < "$HERE/facts.py")
}

# The lines of one kind in RESPONSE.
responses() { sed -n "s/^edgeproxy\t$1\t//p" <<< "$RESPONSE" | sed 's/\t/: /'; }

learn_project() {
  ask_project "$IDLE" "$INTERPRETER" all || die "$FAILED" "the project does not respond (above)"
  ROOTS=$(responses root)
  MANIFEST=$(responses manifest)
  mapfile -t PENDING < <(responses pending)
  mapfile -t BREAKS < <(responses breaks)
  [ -z "$FIRST" ] || return 0 # no version runs that would have to live with it
  local line
  while IFS= read -r line; do
    warn "$line"
  done < <(responses look)
}

has_static_root() { [[ $ROOTS =~ STATIC_ROOT:\ . ]]; }

# Uploads and older static files would be out of sight for one of the two.
demand_same_roots() {
  [ -z "$SHARED_TREE" ] || return 0
  local interpreter=${SETTING[PYTHON]} inside
  if [ -n "$FIRST" ]; then
    inside=$(grep -F ": $(realpath "$TREE")/" <<< "$ROOTS") || return 0
    die "$FAILED" "these directories are in the tree of one slot, and the next version would not have what is in them:" "$inside" \
      "name them in SHARED_PATHS of deploy.conf, or give the settings absolute paths elsewhere"
  fi
  [ -z "${SETTING[REQUIREMENTS]}" ] || interpreter=${TREE_OF[$ACTIVE]}/.venv/bin/python
  if ! ask_project "$ACTIVE" "$interpreter" roots; then
    warn "the version that runs does not say where its MEDIA_ROOT and STATIC_ROOT are; compare them by hand:" $'\n'"$ROOTS"
  elif [ "$(responses root)" != "$ROOTS" ]; then
    die "$FAILED" "the two trees do not have their uploads and static files in one place:" "$IDLE:" "$ROOTS" "$ACTIVE:" "$(responses root)" \
      "name the directories in SHARED_PATHS of deploy.conf, or give the settings absolute paths"
  fi
}

# Both versions live on one database from the migration until the switch, and after a rollback.
demand_kind_migrations() {
  [ ${#BREAKS[@]} -gt 0 ] && [ -z "$FIRST" ] || return 0
  printf '%s\n' "after the migration the version that runs may fail:" "${BREAKS[@]/#/  }" >&2
  if [ -n "$PAUSE$ALLOW_DESTRUCTIVE" ]; then return; fi
  die "$REFUSED" "nothing was migrated. Split the change into two deploys (first expand, then contract: docs/operations.md)," \
    "or hold requests meanwhile (--pause), or say that the version that runs does not mind (--allow-destructive)"
}

# Adds; nothing is removed, as pages that are open ask for the older files.
collect_static() {
  has_static_root || return 0
  say "manage.py collectstatic"
  keep_manifest
  manage collectstatic --noinput < /dev/null || die "$FAILED" "manage.py collectstatic failed (above)"
}

# The list of hashed names is one for both versions. A version that goes back must find its own names in it.
collect_static_again() {
  has_static_root || return 0
  say "manage.py collectstatic, as of the version before"
  manage collectstatic --noinput --verbosity 0 < /dev/null || warn "its static files could not be collected again"
}

# As the unit's user, to whom the directory belongs.
keep_manifest() {
  [ -n "$MANIFEST" ] && [ -e "$MANIFEST" ] || return 0
  MANIFEST_COPY=$(dirname "$MANIFEST")/.$(basename "$MANIFEST").before
  if [ -n "$LEFT_BEHIND" ] && [ -e "$MANIFEST_COPY" ]; then return; fi # of the deploy that was cut off: older, and right
  as_unit "$IDLE" cp --preserve=mode,timestamps "$MANIFEST" "$MANIFEST_COPY" < /dev/null
}

put_manifest_back() {
  [ -n "$MANIFEST_COPY" ] || return 0
  as_unit "$IDLE" mv -T "$MANIFEST_COPY" "$MANIFEST" < /dev/null || warn "$MANIFEST could not be put back; its copy is $MANIFEST_COPY"
}

drop_manifest_copy() {
  [ -z "$MANIFEST_COPY" ] || as_unit "$IDLE" rm -f "$MANIFEST_COPY" < /dev/null
}

migrate() {
  if [ ${#PENDING[@]} -eq 0 ]; then say "manage.py migrate: nothing to apply"; else say "manage.py migrate: ${PENDING[*]}"; fi
  manage migrate --noinput < /dev/null || die "$FAILED" "manage.py migrate failed (above)"
  MIGRATED=yes
  [ ${#PENDING[@]} -eq 0 ] || say "applied: ${PENDING[*]}"
}

# After a migration that may have come half-way: what of PENDING is no longer so.
tell_applied() {
  [ ${#PENDING[@]} -gt 0 ] || return 0
  local name partly='' failed=''
  local -a before=("${PENDING[@]}") applied=()
  if [ -z "$MIGRATED" ]; then
    if ! ask_project "$IDLE" "$INTERPRETER" all > /dev/null 2>&1; then
      warn "what was applied is not known, as the project does not respond: manage.py showmigrations; it was to be ${before[*]}"
      return
    fi
    for name in "${before[@]}"; do
      if responses pending | grep -qxF "$name"; then failed=${failed:-$name}; else applied+=("$name"); fi
    done
    partly=$(responses partly | grep -xF "${failed:-none}") || true
    [ -z "$partly" ] || warn "$partly may be there in part, as what was done of it before it failed is not taken back:" \
      "see manage.py sqlmigrate ${partly/./ }, and the tables"
  else
    applied=("${before[@]}")
  fi
  if [ ${#applied[@]} -eq 0 ]; then
    if [ -n "$partly" ]; then say "no other migration was applied"; else say "no migration was applied: the database is as before"; fi
  else
    say "applied, and still in the database: ${applied[*]}"
    [ -n "$FIRST" ] || say "$ACTIVE runs on with it; if it cannot, take it back:" \
      "manage.py migrate APP NAME of the migration before, in $TREE, as $(titled "$COMMIT")"
  fi
}

learn_previous() {
  if ! ask_project "$IDLE" "$INTERPRETER" all; then
    warn "the version before does not say which migrations it knows, nor where its static files are"
    return 0
  fi
  ROOTS=$(responses root)
  local unknown
  unknown=$(responses unknown | tr '\n' ' ')
  [ -z "$unknown" ] || warn "a rollback takes no migration back; the version before does not know $unknown"
}
