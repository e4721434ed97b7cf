"""What the tests share; nothing here knows whether it runs beside the toolchain or beside the generated package."""
