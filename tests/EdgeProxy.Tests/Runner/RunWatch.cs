using System.Diagnostics;

namespace EdgeProxy.Tests.Runner;

/// <summary>
/// Reports what runs every half a minute, and kills the process that makes no progress: where a fixture hangs, which no test's time-out covers, or a thread
/// keeps the process from ending. The progress says why, and what had been done.
/// </summary>
/// <remarks>A thread of its own, which needs nothing of a pool that the tests may have used up. It ends with the process.</remarks>
internal static class RunWatch
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(30);

    public static void Start(TestProgress progress, TimeSpan testTimeout) =>
        new Thread(() => Watch(progress, testTimeout)) { IsBackground = true, Name = "run watch" }.Start();

    private static void Watch(TestProgress progress, TimeSpan testTimeout)
    {
        // On top of a test's time-out, as xUnit's own comes first. And for the process to end after its last test.
        var grace = testTimeout / 5;
        using var never = new ManualResetEventSlim();
        while (true)
        {
            never.Wait(grace < Period ? grace : Period);
            if (progress.Silence > grace + (progress.HasEnded ? TimeSpan.Zero : testTimeout))
            {
                progress.Report(
                    progress.HasEnded
                        ? "KILLED, as the process does not end after its last test"
                        : $"KILLED, as no test began or ended for {progress.Silence}");
                Process.GetCurrentProcess().Kill();
            }

            progress.Report();
        }
    }
}
