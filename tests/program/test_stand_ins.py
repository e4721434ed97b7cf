"""What a program hands to its library in place of the library's own."""

from tests.support.migration import assert_migrated


def test_an_object_in_an_attribute_is_called_as_the_library_s_own() -> None:
    assert_migrated(
        """
        import dspy

        class Fake:
            def __call__(self, **kwargs):
                return "thought"

            def parts(self):
                return []

        async def run(settings):
            agent = dspy.Agent()
            agent.think = Fake()
            return agent(question="why")
        """,
        """
        import dspy

        class Fake:
            async def __call__(self, settings: dspy.Settings, /, **kwargs):
                return "thought"

            def parts(self):
                return []

        async def run(settings):
            agent = dspy.Agent()
            agent.think = Fake()
            return await agent(settings, question="why")
        """,
    )


def test_an_object_handed_to_a_constructor_has_the_methods_of_what_is_expected() -> None:
    assert_migrated(
        """
        import dspy

        class FakeInterpreter:
            def execute(self, code):
                return self.look(code)

            def look(self, code):
                return code

            def close(self):
                pass

        def make():
            return dspy.Agent(interpreter=FakeInterpreter())
        """,
        """
        import dspy

        class FakeInterpreter:
            async def execute(self, settings: dspy.Settings, code):
                return self.look(code)

            def look(self, code):
                return code

            def close(self):
                pass

        def make():
            return dspy.Agent(interpreter=FakeInterpreter())
        """,
    )


def test_a_function_in_an_attribute_of_an_own_subclass_stands_for_what_the_library_keeps_there() -> None:
    assert_migrated(
        """
        import dspy

        class Mine(dspy.Agent):
            pass

        def make():
            def think(**kwargs):
                return "thought"

            agent = Mine()
            agent.think = think
            return agent
        """,
        """
        import dspy

        class Mine(dspy.Agent):
            pass

        def make():
            async def think(settings: dspy.Settings, /, **kwargs):
                return "thought"

            agent = Mine()
            agent.think = think
            return agent
        """,
    )


def test_what_the_library_takes_as_a_user_s_callable_stays_as_it_is() -> None:
    code = """
        import dspy

        class Judge:
            def __call__(self, example):
                return True

        def judge(example):
            return True

        AGENTS = [dspy.Agent(reward=judge), dspy.Agent(reward=Judge())]
        """
    assert_migrated(code, code)


def test_an_object_in_another_library_s_place_stays_as_it_is() -> None:
    code = """
        import dspy
        import other

        class Fake:
            def __call__(self, **kwargs):
                return "thought"

        def run():
            other.think = Fake()
        """
    assert_migrated(code, code)


def test_a_class_in_the_library_s_class_s_place_has_its_methods_called() -> None:
    assert_migrated(
        """
        import dspy.predict.agent

        class FakeInterpreter:
            def execute(self, code):
                return code

        def put(monkeypatch):
            monkeypatch.setattr(dspy.predict.agent, "Interpreter", FakeInterpreter)
        """,
        """
        import dspy.predict.agent

        class FakeInterpreter:
            async def execute(self, settings: dspy.Settings, code):
                return code

        def put(monkeypatch):
            monkeypatch.setattr(dspy.predict.agent, "Interpreter", FakeInterpreter)
        """,
    )


def test_a_function_written_as_a_method_takes_settings_after_the_object() -> None:
    assert_migrated(
        """
        import dspy

        def forward(self, **kwargs):
            return self.think(**kwargs)

        def put(monkeypatch):
            monkeypatch.setattr(dspy.Agent, "forward", forward)
        """,
        """
        import dspy

        async def forward(self, settings: dspy.Settings, /, **kwargs):
            return await self.think(settings, **kwargs)

        def put(monkeypatch):
            monkeypatch.setattr(dspy.Agent, "forward", forward)
        """,
    )


def test_a_function_handed_to_the_library_reads_the_settings_it_is_handed() -> None:
    assert_migrated(
        """
        import dspy

        def test_reward():
            def reward(example):
                return dspy.settings.strict

            return dspy.Agent(reward=reward)
        """,
        """
        import dspy

        def test_reward():
            def reward(settings: dspy.Settings, example):
                return settings.strict

            return dspy.Agent(reward=reward)
        """,
    )
