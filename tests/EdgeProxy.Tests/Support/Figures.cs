namespace EdgeProxy.Tests.Support;

/// <summary>What a test has measured. Printed, never asserted: machines differ. <c>tests/run</c> shows them at its end.</summary>
internal static class Figures
{
    private static readonly Lock Writing = new();

    public static void Report(string figure)
    {
        TestContext.Current.SendDiagnosticMessage(figure);
        if (Environment.GetEnvironmentVariable("EDGEPROXY_FIGURES") is { Length: > 0 } file)
        {
            lock (Writing)
            {
                File.AppendAllText(file, figure + "\n");
            }
        }
    }
}
