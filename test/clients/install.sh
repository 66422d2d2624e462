# Sourced by the suites. A download may fail for a moment and is tried again; a test never is.

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=$repository/.cache/clients/$(basename "$here")
node=$repository/node_modules/.bin/node
mkdir -p "$cache"

# retry COMMAND [ARG…]: up to three times, with its output only when all of them fail. Suites that run at the same time
# install one after the other: some share a folder.
retry() (
  exec 9> "$repository/.cache/clients/lock"
  flock 9
  for attempt in 1 2 3; do
    "$@" > "$cache/install.log" 2>&1 9>&- && exit 0
    sleep "$attempt"
  done
  echo "cannot install: $*" >&2
  cat "$cache/install.log" >&2
  exit 1
)

# build_go: the crash client of the suite, with the Go code that they share, tested.
build_go() (
  cd "$repository/test/clients"
  retry go build -o "$cache/crash-client" "./$(basename "$here")"
  go test ./go-crash > "$cache/test.log" || { cat "$cache/test.log" >&2; return 1; }
)

# build_go_member: the member of a group with that library, and what the members share, tested.
build_go_member() (
  cd "$repository/test/clients"
  retry go build -o "$cache/group-member" "./$(basename "$here")/member"
  go test ./go-group > "$cache/test-group.log" || { cat "$cache/test-group.log" >&2; return 1; }
)

# install_java_client: the jars of pom.xml.
install_java_client() {
  retry mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/lib"
}

# install_npm_client: the packages of package.json.
install_npm_client() { retry npm_client; }

npm_client() (
  cd "$cache"
  # What is there may be in use.
  [ ! -e node_modules/complete ] || ! cmp -s "$here/package-lock.json" package-lock.json || exit 0
  cp "$here/package.json" "$here/package-lock.json" . && npm ci --ignore-scripts && touch node_modules/complete
)

# install_python_client: the packages of requirements.txt, and the module that the Python clients share, tested.
install_python_client() {
  retry python_client
  export PYTHONPATH=$here/.. PYTHONDONTWRITEBYTECODE=1
  "$cache/venv/bin/python" -m unittest scenario_test 2> "$cache/test.log" || { cat "$cache/test.log" >&2; return 1; }
}

python_client() {
  { [ -x "$cache/venv/bin/pip" ] || python3 -m venv "$cache/venv"; } &&
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
}
