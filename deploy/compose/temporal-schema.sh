#!/bin/sh
# Brings Temporal's tables up to date; makes them where there are none yet. The databases are made by databases.sh.
set -eu
for database in temporal temporal_visibility; do
  export SQL_DATABASE=$database
  schema=postgresql/v12/${database#temporal_}
  temporal-sql-tool update-schema --schema-name "$schema" || {
    temporal-sql-tool setup-schema -v 0.0
    temporal-sql-tool update-schema --schema-name "$schema"
  }
done
