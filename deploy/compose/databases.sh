#!/bin/bash
# Run once by the image of PostgreSQL: the databases, Temporal's among them, and a copy of GitLab's tables with the demo group.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -c 'CREATE DATABASE gitlab' -c 'CREATE DATABASE customers_dot' \
  -c 'CREATE DATABASE temporal' -c 'CREATE DATABASE temporal_visibility'
for file in schema plans demo; do
  psql -v ON_ERROR_STOP=1 -q -d gitlab -f "/gitlab/$file.sql"
done
