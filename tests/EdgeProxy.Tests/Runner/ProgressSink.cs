using Xunit.Sdk;

namespace EdgeProxy.Tests.Runner;

/// <summary>Hears what xUnit tells the runner, and passes it on.</summary>
internal sealed class ProgressSink(TestProgress progress, IMessageSink runner) : IMessageSink
{
    public bool OnMessage(IMessageSinkMessage message)
    {
        switch (message)
        {
            case ITestClassStarting { TestClassUniqueID: { } id } starting:
                progress.ClassStarts(id, starting.TestClassName);
                break;
            case ITestClassFinished { TestClassUniqueID: { } id } finished:
                progress.ClassEnds(id, finished.TestsTotal);
                break;
            case ITestStarting starting:
                progress.TestStarts(starting.TestUniqueID, starting.TestDisplayName);
                break;
            case ITestPassed passed:
                progress.TestEnds(passed.TestUniqueID, TestOutcome.Passed);
                break;
            case ITestSkipped skipped:
                progress.TestEnds(skipped.TestUniqueID, TestOutcome.Skipped);
                break;
            case ITestFailed failed:
                progress.TestEnds(failed.TestUniqueID, TestOutcome.Failed, failed.Messages.FirstOrDefault());
                break;
            case ITestNotRun notRun:
                progress.TestEnds(notRun.TestUniqueID, TestOutcome.NotRun);
                break;
            case ITestAssemblyFinished:
                progress.RunEnds();
                break;
        }

        // What fails outside of a test: a fixture that cannot be disposed, a collection that cannot be cleaned up.
        if (message is IErrorMetadata error and not ITestFailed)
        {
            progress.Error(error.Messages.FirstOrDefault());
        }

        return runner.OnMessage(message);
    }
}
