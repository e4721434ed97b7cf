import dspy


class Base(dspy.Module):
    async def forward(self, settings: dspy.Settings, request):
        return dspy.Prediction(reply=await self.run(settings, request))

    async def run(self, settings: dspy.Settings, request):
        raise NotImplementedError
