"""Redshift's oids of the types whose oid or format differs from PostgreSQL's."""

NUMERIC, INTERVAL = 1700, 1186
SUPER, VARBYTE, GEOMETRY, GEOGRAPHY, ABSTIME = 4000, 6551, 3000, 3001, 702
# In PostgreSQL both are intervals, which differ in the type modifier.
INTERVAL_Y2M, INTERVAL_D2S = 1188, 1190
# Types that PostgreSQL does not have, by their names.
OWN_TYPES = {
    "super": SUPER,
    "varbyte": VARBYTE,
    "geometry": GEOMETRY,
    "geography": GEOGRAPHY,
    "abstime": ABSTIME,
}
