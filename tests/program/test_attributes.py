"""What attributes hold."""

from __future__ import annotations

from tests.support.held import held


def test_attributes_of_objects_classes_and_fields() -> None:
    code = """
        import pydantic


        class Base:
            shared: BaseLM = None
            made = Ask()

            def __init__(self, given, other: "Module | None" = None):
                self.given = given
                self.other = other or Module()


        class Sub(Base):
            def use(self):
                probe(self.shared)
                probe(self.made)
                probe(self.given)
                probe(self.other)


        class Fields(pydantic.BaseModel):
            field: object = None


        def f():
            Sub(BaseCallback())
            fields = Fields(field=Settings())
            probe(fields.field)
        """
    assert held(code) == {"BaseLM()", "Ask()", "BaseCallback()", "Module()", "Settings()"}


def test_methods_static_class_and_properties() -> None:
    code = """
        class Shop:
            @staticmethod
            def static(x): probe(x)
            @classmethod
            def made(cls, x):
                probe(x)
                return cls()
            @property
            def prop(self): return Settings()
            def plain(self, x): probe(x)
        def f(shop: Shop):
            Shop.static(BaseLM())
            shop.made(Ask())
            shop.plain(Module())
            probe(shop.prop)
            probe(Shop.made(None))
        """
    assert held(code) == {"BaseLM()", "Ask()", "Module()", "Settings()", "Shop()"}


def test_overrides_super_and_methods_of_subclasses() -> None:
    code = """
        class Base:
            def run(self): return BaseLM()
            def start(self): return self.later()
        class Sub(Base):
            def run(self): return super().run() or Ask()
            def later(self): return Module()
        def f(base: Base, sub: Sub):
            probe(sub.run())
            probe(base.start())
        """
    assert held(code) == {"BaseLM()", "Ask()", "Module()"}


def test_what_a_module_lacks_may_come_from_a_star_import_of_another_package() -> None:
    files = {"dspy/bundled.py": "from elsewhere.types import *\nclass Own: ...\n"}
    code = "from dspy import bundled\nprobe(bundled.Error)\nprobe(bundled.Own)\nprobe(bundled.Error.kind)\n"
    assert held(code, files) == {"elsewhere.types.Error", "Own", "elsewhere.types.Error.kind"}
