#!/bin/sh
# Installs Debian's chromium for the browser tests where that is possible, and says so where not.
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "Installing chromium for the browser tests"
    apt-get update -qq && apt-get install -y -qq chromium >/dev/null && exit 0
fi
echo "The browser tests need chromium. Install it (on Debian: sudo apt-get install chromium) and run 'make test' again." >&2
exit 1
