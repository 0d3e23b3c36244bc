"""The `passes` of relbo-ir; import it as `relbo_ir.passes`."""

if __name__ != "relbo_ir.passes":
    raise ImportError(
        "import relbo_ir.passes, not passes: two names would make two copies of every class, "
        "and isinstance would stop matching"
    )
