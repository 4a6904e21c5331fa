using System.Globalization;
using System.Reflection;
using EdgeProxy.Tests.Runner;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestFramework(typeof(BoundedTestFramework))]

namespace EdgeProxy.Tests.Runner;

/// <summary>
/// xUnit, with a time-out for every test and with progress while it runs. A test that hangs fails with its name, is abandoned, and the others go on:
/// xUnit does this for a test that has a <see cref="FactAttribute.Timeout"/>, so each that has none gets <see cref="Timeout"/>.
/// </summary>
public sealed class BoundedTestFramework : XunitTestFramework
{
    /// <summary>A <see cref="TimeSpan"/> for <see cref="Timeout"/>: the tests of this framework make it short.</summary>
    internal const string TimeoutVariable = "EDGEPROXY_TEST_TIMEOUT";

    /// <summary>A file for the progress, which <c>tests/run</c> prints as it grows.</summary>
    internal const string ProgressVariable = "EDGEPROXY_TEST_PROGRESS";

    /// <summary>Set: explicit tests are found. Otherwise they are not there: a list of the tests is of those that a run runs, and nothing makes their
    /// fixtures.</summary>
    internal const string ExplicitVariable = "EDGEPROXY_TEST_EXPLICIT";

    /// <summary>How long the soak is, which no test's time-out shortens.</summary>
    internal const string SoakVariable = "EDGEPROXY_SOAK";

    /// <summary>Above every wait in a test: those know better what they waited for.</summary>
    internal static TimeSpan Timeout { get; } = Read(TimeoutVariable, TimeSpan.FromMinutes(10)) + Read(SoakVariable, TimeSpan.Zero);

    protected override ITestFrameworkDiscoverer CreateDiscoverer(Assembly assembly) => new Discoverer(Describe(assembly));

    protected override ITestFrameworkExecutor CreateExecutor(Assembly assembly) => new Executor(Describe(assembly));

    private static XunitTestAssembly Describe(Assembly assembly) => new(assembly, configFilePath: null);

    private static TimeSpan Read(string variable, TimeSpan fallback) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? TimeSpan.Parse(text, CultureInfo.InvariantCulture) : fallback;

    private sealed class Discoverer(IXunitTestAssembly assembly) : XunitTestFrameworkDiscoverer(assembly)
    {
        protected override ValueTask<bool> FindTestsForMethod(
            IXunitTestMethod testMethod, ITestFrameworkDiscoveryOptions discoveryOptions, Func<ITestCase, ValueTask<bool>> discoveryCallback)
        {
            foreach (var fact in testMethod.FactAttributes.OfType<FactAttribute>())
            {
                if (fact.Explicit && Environment.GetEnvironmentVariable(ExplicitVariable) is null)
                {
                    return ValueTask.FromResult(true);
                }

                if (fact.Timeout == 0)
                {
                    fact.Timeout = (int)Timeout.TotalMilliseconds;
                }
            }

            return base.FindTestsForMethod(testMethod, discoveryOptions, discoveryCallback);
        }
    }

    private sealed class Executor(IXunitTestAssembly assembly) : XunitTestFrameworkExecutor(assembly)
    {
        public override async ValueTask RunTestCases(
            IReadOnlyCollection<IXunitTestCase> testCases,
            IMessageSink executionMessageSink,
            ITestFrameworkExecutionOptions executionOptions,
            CancellationToken cancellationToken)
        {
            if (Environment.GetEnvironmentVariable(ProgressVariable) is not { Length: > 0 } file)
            {
                await base.RunTestCases(testCases, executionMessageSink, executionOptions, cancellationToken);
                return;
            }

            var progress = new TestProgress(file, testCases.Count, TimeProvider.System);
            RunWatch.Start(progress, Timeout);
            await base.RunTestCases(testCases, new ProgressSink(progress, executionMessageSink), executionOptions, cancellationToken);
        }
    }
}
