import dspy


class TwoModels(dspy.Module):
    def __init__(self, cheap, strong):
        super().__init__()
        self.cheap = cheap
        self.strong = strong
        self.draft = dspy.Predict("task -> draft")
        self.polish = dspy.Predict("draft -> text")

    async def forward(self, settings: dspy.Settings, task):
        with settings.context(lm=self.cheap) as inner_settings:
            draft = (await self.draft(inner_settings, task=task)).draft
        with settings.context(lm=self.strong, temperature=0.2) as inner_settings:
            return await self.polish(inner_settings, draft=draft)
