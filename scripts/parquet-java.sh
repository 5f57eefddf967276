#!/usr/bin/env bash
# Parquet's own reader in Java, for the tests to read files with.
#
#   scripts/parquet-java.sh     fetches and builds it if it is not in .cache/parquet-java, and prints its class path
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source=$root/tests/parquet-java
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

die() {
  printf 'parquet-java.sh: %s\n' "$*" >&2
  exit 1
}

# Pom and program decide what is in the directory, so their hash names it.
key=$(cat "$source/pom.xml" "$source/Rows.java" | sha256sum)
whole=$root/.cache/parquet-java/${key:0:16}
if [[ ! -d $whole ]]; then
  echo "parquet-java.sh: fetching Parquet's reader in Java with Maven" >&2
  mkdir -p "$root/.cache/parquet-java"
  partial=$(mktemp -d "$root/.cache/parquet-java/partial.XXXXXX")
  trap 'rm -rf "$partial"' EXIT
  output=$(mvn -q -B -f "$source/pom.xml" dependency:copy-dependencies -DoutputDirectory="$partial/jars" 2>&1) ||
    die "Maven could not fetch it: $output"
  output=$("$java" -cp "$partial/jars/*" org.eclipse.jdt.internal.compiler.batch.Main --release 17 -nowarn \
    -cp "$(printf '%s:' "$partial"/jars/*.jar)" -d "$partial/classes" "$source/Rows.java" 2>&1) ||
    die "the program could not be compiled: $output"
  # Whole or not at all; whoever did the same at the same time has the same files.
  mv -T "$partial" "$whole" 2>/dev/null || true
fi
printf '%s\n' "$whole/classes:$whole/jars/*"
