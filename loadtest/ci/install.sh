#!/bin/sh
# Installs the tailgate of this very checkout into the directory given, with the versions and hashes of its lock: whoever
# pins the action pins all that it runs.
set -eu
place=$1
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "tailgate needs Python 3.11 or newer; put actions/setup-python before it" >&2
  exit 2
fi
[ -x "$place/bin/tailgate" ] && exit 0
"$python" -m venv "$place"
awk '/^[a-zA-Z0-9]/ {keep = /^uv==/} keep' requirements.lock >"$place/uv.txt"
"$place/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$place/uv.txt"
export VIRTUAL_ENV="$place" UV_LINK_MODE=copy
"$place/bin/uv" pip install --quiet --constraint requirements.lock hatchling
# As copies: what is built must not be written into the checkout.
"$place/bin/uv" pip install --quiet --constraint requirements.lock --no-build-isolation --no-sources \
  ./slo ./otel ./service ./loadtest ./dashboards .
