#!/usr/bin/env bash
# Parquet's own reader in Java, for the tests to read files with.
#
#   scripts/parquet-java.sh     fetches and builds it if it is not in .cache/parquet-java, and prints its class path
set -euo pipefail

# shellcheck source=scripts/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
source=$root/tests/parquet-java
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

build() {
  mvn -q -B -f "$source/pom.xml" dependency:copy-dependencies -DoutputDirectory="$1/jars" &&
    "$java" -cp "$1/jars/*" org.eclipse.jdt.internal.compiler.batch.Main --release 17 -nowarn \
      -cp "$(printf '%s:' "$1"/jars/*.jar)" -d "$1/classes" "$source/Rows.java"
}

whole=$(cached parquet-java "Parquet's reader in Java with Maven" "$source/pom.xml" "$source/Rows.java" -- build)
printf '%s\n' "$whole/classes:$whole/jars/*"
