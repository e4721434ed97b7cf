import dspy


class Base(dspy.Module):
    def forward(self, request):
        return dspy.Prediction(reply=self.run(request))

    def run(self, request):
        raise NotImplementedError
