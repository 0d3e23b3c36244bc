"""The `lowering` of relbo-ir; import it as `relbo_ir.lowering`."""

if __name__ != "relbo_ir.lowering":
    raise ImportError(
        "import relbo_ir.lowering, not lowering: two names would make two copies of every class, "
        "and isinstance would stop matching"
    )
