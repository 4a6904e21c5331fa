# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the files beside this one
# The virtual environment, named by what is in it: two versions with the same lock files share one, and a rollback finds its own.

VENV_BEFORE=''

# INTERPRETER: what runs manage.py. Without REQUIREMENTS the site keeps its own environment, which PYTHON names.
prepare_venv() {
  if [ -z "${SETTING[REQUIREMENTS]}" ]; then
    INTERPRETER=${SETTING[PYTHON]}
  else
    local name venv
    list_lock_files
    name=$(venv_name)
    venv=${SETTING[VENVS]}/$name
    if [ -e "$venv/.complete" ]; then
      say "the virtual environment $name has what ${SETTING[REQUIREMENTS]} asks for"
    else
      build_venv "$venv"
    fi
    "${AS_OWNER[@]}" touch "$venv/.complete" # when it was last wanted
    link_venv "$venv"
    INTERPRETER=$TREE/.venv/bin/python
    [[ ${PROGRAM[$IDLE]} = "$TREE/.venv/"* ]] || warn "${UNIT[$IDLE]} runs ${PROGRAM[$IDLE]}, not a program of $TREE/.venv:" \
      "what is installed there does not reach it (REQUIREMENTS, PYTHON in deploy.conf)"
  fi
  [ -z "${PROGRAM[$IDLE]}" ] || [ -x "${PROGRAM[$IDLE]}" ] ||
    die "$FAILED" "${UNIT[$IDLE]} runs ${PROGRAM[$IDLE]}, which is not there: is it among the requirements?"
}

# One that somebody has made inside the tree; before a version is fetched for nothing.
demand_no_venv() {
  local own=$TREE/.venv
  [ -n "${SETTING[REQUIREMENTS]}" ] && [ -e "$own" ] && [ ! -L "$own" ] || return 0
  die "$USAGE" "$own is there and is no link, but REQUIREMENTS has an environment built in ${SETTING[VENVS]} and linked there." \
    "To keep your own one: REQUIREMENTS= and PYTHON=$own/bin/python in deploy.conf; else move it away, and deploy again:"$'\n'"sudo mv '$own' '$own.before'"
}

# LOCK_FILES: those that REQUIREMENTS names and those that they include, as paths in the tree.
list_lock_files() {
  local file line
  LOCK_FILES=()
  local -a waiting
  mapfile -t waiting < <(paths_of REQUIREMENTS)
  while [ ${#waiting[@]} -gt 0 ]; do
    file=${waiting[0]}
    waiting=("${waiting[@]:1}")
    [[ $'\n'"$(printf '%s\n' "${LOCK_FILES[@]}")"$'\n' != *$'\n'"$file"$'\n'* ]] || continue
    [ -f "$TREE/$file" ] || die "$USAGE" "REQUIREMENTS: this version has no $file"
    LOCK_FILES+=("$file")
    while IFS= read -r line; do
      if [[ $line =~ ^[[:space:]]*(-e|--editable|\.) ]]; then
        die "$USAGE" "$file: '$line' ties the virtual environment to one slot's tree, and both slots share it"
      elif [[ $line =~ ^[[:space:]]*(-r|--requirement|-c|--constraint)[[:space:]=]*([^[:space:]]+) ]]; then
        waiting+=("$(dirname "$file")/${BASH_REMATCH[2]}")
      fi
    done < "$TREE/$file"
  done
}

# The interpreter, the options and the lock files decide what a build gives.
venv_name() {
  local file
  {
    "${SETTING[PYTHON]}" -I -c 'import sys; print(sys.version, sys.executable)'
    printf '%s\n' "${SETTING[VENV_OPTIONS]}" "${SETTING[PIP_OPTIONS]}"
    for file in "${LOCK_FILES[@]}"; do
      printf '%s\n' "$file"
      cat "$TREE/$file"
    done
  } | sha256sum | cut -c 1-16
}

# Where it will stay, as its scripts name their interpreter by its path; .complete comes last, so that half a build is never used.
build_venv() { # DIRECTORY
  local file
  local -a files venv_options pip_options
  read -r -a venv_options <<< "${SETTING[VENV_OPTIONS]}"
  read -r -a pip_options <<< "${SETTING[PIP_OPTIONS]}"
  while IFS= read -r file; do
    files+=(-r "$file")
  done < <(paths_of REQUIREMENTS)
  say "building the virtual environment $1"
  "${AS_OWNER[@]}" rm -rf "$1"
  if ! "${AS_OWNER[@]}" "${SETTING[PYTHON]}" -m venv "${venv_options[@]}" "$1" \
    || ! "${AS_OWNER[@]}" env --chdir="$TREE" \
      "$1/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "${pip_options[@]}" "${files[@]}"; then
    tell_full_disk
    "${AS_OWNER[@]}" rm -rf "$1"
    die "$FAILED" "the virtual environment could not be built (above)"
  fi
  sync --file-system "$1"
  "${AS_OWNER[@]}" touch "$1/.complete"
}

# In one step: a unit that is started meanwhile finds the old one or the new one.
link_venv() { # DIRECTORY
  local link=$TREE/.venv
  demand_no_venv
  "${AS_OWNER[@]}" ln -sfn "$1" "$link.new"
  "${AS_OWNER[@]}" mv -T "$link.new" "$link"
}

# All but the last KEEP_VENVS, and never one that a tree uses.
remove_old_venvs() {
  [ -n "${SETTING[REQUIREMENTS]}" ] || return 0
  local marker venv number=0
  while IFS= read -r marker; do
    venv=$(dirname "$marker")
    number=$((number + 1))
    if [ "$number" -le "${SETTING[KEEP_VENVS]}" ] || [ "$venv" -ef "${TREE_OF[blue]}/.venv" ] || [ "$venv" -ef "${TREE_OF[green]}/.venv" ]; then continue; fi
    say "removing the virtual environment $(basename "$venv"), which no version uses"
    "${AS_OWNER[@]}" rm -rf "$venv"
  done < <(find "${SETTING[VENVS]}" -mindepth 2 -maxdepth 2 -name .complete -printf '%T@ %p\n' | sort -rn | cut -d ' ' -f 2-)
}
