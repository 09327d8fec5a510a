#!/bin/bash
# After each migration: the grants, and a login for each part.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -q -d gitlab -f /sql/gitlab.sql
psql -v ON_ERROR_STOP=1 -q -d customers_dot -f /sql/customers_dot.sql
login() {
  [ "$(psql -d postgres -tAc "SELECT count(*) FROM pg_roles WHERE rolname = '$1'")" = 1 ] ||
    psql -v ON_ERROR_STOP=1 -q -d postgres -c "CREATE ROLE $1 LOGIN PASSWORD '$1' IN ROLE $2"
}
login api provisioner_auditor
login worker provisioner_worker
login cdot provisioner_customers_dot
login relay provisioner_relay
