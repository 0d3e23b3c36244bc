"""The `dialects` of relbo-ir; import it as `relbo_ir.dialects`."""

if __name__ != "relbo_ir.dialects":
    raise ImportError(
        "import relbo_ir.dialects, not dialects: two names would make two copies of every class, "
        "and isinstance would stop matching"
    )
