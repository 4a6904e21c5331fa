# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the files beside this one
# The site's settings: KEY=VALUE lines, read and never run, as a user who could write them would be root. Each can be overridden by DEPLOY_KEY in
# the environment. deploy/deploy.conf.example says what they mean.

readonly DEFAULT_CONFIG=/etc/edgeproxy/deploy.conf

declare -A SETTING=(
  [REPOSITORY]=/srv/app/repository.git
  [REMOTE]=origin
  [APP_DIR]=.
  [MANAGE]=manage.py
  [SHARED]=/srv/app/shared
  [SHARED_PATHS]=''
  [PYTHON]=/usr/bin/python3
  [REQUIREMENTS]=requirements.txt
  [VENVS]=/srv/app/venvs
  [VENV_OPTIONS]=''
  [PIP_OPTIONS]=''
  [KEEP_VENVS]=3
  [PAUSE_MAX_WAIT]=60s
  [FETCH_TIMEOUT]=300s
)

PROBLEMS=()

read_settings() { # FILE, or nothing
  local file=${1:-$DEFAULT_CONFIG} key
  if [ -e "$file" ]; then
    demand_private "$file"
    read_lines "$file"
  elif [ -n "$1" ]; then
    die "$USAGE" "$file: there is no such file"
  fi
  for key in "${!SETTING[@]}"; do
    local override=DEPLOY_$key
    SETTING[$key]=${!override-${SETTING[$key]}}
  done
  check_settings
  [ ${#PROBLEMS[@]} -eq 0 ] || die "$USAGE" "${PROBLEMS[@]}"
}

# A user who can change this file decides what runs as the app's user, and where files go.
demand_private() {
  local owner mode
  read -r owner mode < <(stat -Lc '%u %a' "$1")
  if [ "$owner" != 0 ] || (((8#$mode & 8#022) != 0)); then
    die "$USAGE" "$1: others than root can write it (owner $owner, mode $mode); chown root: and chmod 644 it"
  fi
}

read_lines() {
  local file=$1 line number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
    if ! [[ $line =~ ^[[:space:]]*([A-Za-z_]+)=(.*)$ ]]; then
      PROBLEMS+=("$file:$number: '$line' is not KEY=VALUE")
    elif [ -z "${SETTING[${BASH_REMATCH[1]}]+known}" ]; then
      PROBLEMS+=("$file:$number: there is no setting ${BASH_REMATCH[1]}; there are: $(printf '%s\n' "${!SETTING[@]}" | sort | tr '\n' ' ')")
    else
      SETTING[${BASH_REMATCH[1]}]=$(unquoted "${BASH_REMATCH[2]}")
    fi
  done < "$file"
}

unquoted() {
  local value=$1
  value=${value%"${value##*[![:space:]]}"}
  if [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]]; then value=${BASH_REMATCH[1]}; fi
  printf '%s' "$value"
}

check_settings() {
  local key path
  for key in REPOSITORY SHARED VENVS PYTHON; do
    [[ ${SETTING[$key]} = /* ]] || PROBLEMS+=("$key='${SETTING[$key]}': wants an absolute path")
  done
  for key in APP_DIR MANAGE; do
    is_inside "${SETTING[$key]}" || PROBLEMS+=("$key='${SETTING[$key]}': wants a path inside the tree")
  done
  for key in SHARED_PATHS REQUIREMENTS; do
    while IFS= read -r path; do
      is_inside "$path" || PROBLEMS+=("$key: '$path' is not a path inside the tree (paths are separated by colons)")
    done < <(paths_of "$key")
  done
  [[ ${SETTING[REMOTE]} =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]] ||
    PROBLEMS+=("REMOTE='${SETTING[REMOTE]}': wants the name of a remote of the repository, e.g. origin")
  [[ ${SETTING[KEEP_VENVS]} =~ ^[1-9][0-9]?$ ]] || PROBLEMS+=("KEEP_VENVS='${SETTING[KEEP_VENVS]}': wants a number from 1 to 99")
  for key in PAUSE_MAX_WAIT FETCH_TIMEOUT; do
    [[ ${SETTING[$key]} =~ ^[1-9][0-9]*[smh]$ ]] || PROBLEMS+=("$key='${SETTING[$key]}': wants a time, e.g. 60s")
  done
}

is_inside() { [[ -n $1 && $1 != /* && /$1/ != */../* ]]; }

# The paths of a setting that lists them, a line each.
paths_of() {
  local -a paths
  IFS=: read -r -a paths <<< "${SETTING[$1]}"
  [ ${#paths[@]} -eq 0 ] || printf '%s\n' "${paths[@]}"
}
