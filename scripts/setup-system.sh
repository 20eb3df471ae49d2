#!/usr/bin/env bash
# System libraries for the viewer and its off-screen tests, the PACS and the PDF tools of the tests: installs them where it may,
# says what is missing where it may not. Without the PACS its tests are skipped.
set -euo pipefail
packages=(xvfb xauth libgl1 libegl1 libgl1-mesa-dri libglx-mesa0 libegl-mesa0 libdbus-1-3 libxkbcommon-x11-0 libxcb-cursor0
  libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-randr0 libxcb-xkb1
  libxcb-util1)
pacs_packages=(orthanc orthanc-dicomweb dcmtk openssl poppler-utils)

if ! command -v dpkg-query >/dev/null; then
  command -v Xvfb >/dev/null && exit 0
  echo "This is not a Debian system: install Xvfb and the Qt xcb libraries by your own package manager, or run: make test PYTEST_ARGS=\"-m 'not gui'\"" >&2
  exit 0
fi
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing+=("$package")
done
missing_pacs=()
for package in "${pacs_packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing_pacs+=("$package")
done
[ $((${#missing[@]} + ${#missing_pacs[@]})) -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ]; then as_root=()
elif sudo -n true 2>/dev/null; then as_root=(sudo -n)
elif [ ${#missing[@]} -eq 0 ]; then
  echo "Tests with a real PACS will be skipped. Install it with: sudo apt-get install ${missing_pacs[*]}" >&2
  exit 0
else
  echo "Missing system packages for the viewer's tests: ${missing[*]}" >&2
  echo "Install them with: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
missing+=("${missing_pacs[@]}")
echo "Installing system packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
