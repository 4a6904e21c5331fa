using System.Globalization;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>A switch every ten seconds under load: nothing fails, and nothing is left behind by any of them. A minute long, or as long as <c>EDGEPROXY_SOAK</c>
/// says (<c>00:10:00</c>).</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SoakTests
{
    /// <summary>Switches, so that there is something to compare where the machine is slow.</summary>
    private const int AtLeast = 6;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Length = TimeSpan.Parse(
        Environment.GetEnvironmentVariable("EDGEPROXY_SOAK") is { Length: > 0 } length ? length : "00:01:00", CultureInfo.InvariantCulture);

    /// <summary>What the proxy's process holds when a switch has ended, in between two requests of each client at the most.</summary>
    private sealed record Holding(long Memory, int Descriptors, int Threads);

    [Fact]
    public async Task Switch_after_switch_leaves_nothing_behind()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(new AppUnits(Workers: 2, Threads: 4));
        var load = MixedLoad.Start(vps.Public);
        var holdings = new List<Holding>();
        var start = TimeProvider.System.GetTimestamp();
        using var next = new PeriodicTimer(Period, TimeProvider.System);
        while (TimeProvider.System.GetElapsedTime(start) < Length || holdings.Count < AtLeast)
        {
            var (status, ended) = await vps.SwitchAsync();
            Assert.True(status == 200 && ended.Outcome() == nameof(SwitchOutcome.Completed), ended.ToString());
            holdings.Add(await LookAsync(vps));
            await next.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }

        var shots = await load.StopAsync();

        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
        Report(shots.Count, holdings);
        // The first two bring what is made once: pools, compiled code. After them half as much again is more than noise.
        var (first, last) = (Median(holdings[2..(holdings.Count / 2 + 1)]), Median(holdings[(holdings.Count / 2 + 1)..]));
        Assert.True(last.Descriptors <= first.Descriptors + 16, $"descriptors went from {first.Descriptors} to {last.Descriptors}");
        Assert.True(last.Memory <= first.Memory * 3 / 2, $"memory went from {first.Memory >> 20} MB to {last.Memory >> 20} MB");
    }

    private static async Task<Holding> LookAsync(Vps vps)
    {
        var pid = (await vps.Lab.RunAsync("systemctl", "show", "--value", "-p", "MainPID", Vps.Proxy)).Text;
        var numbers = (await vps.Lab.RunAsync(
            "sh", "-c", $"awk '/^VmRSS|^Threads/ {{ print $2 }}' /proc/{pid}/status; ls /proc/{pid}/fd | wc -l")).Text.Split('\n');
        var (memory, threads, descriptors) = (Number(0), Number(1), Number(2));
        return new Holding(memory * 1024L, descriptors, threads);

        int Number(int line) => int.Parse(numbers[line], CultureInfo.InvariantCulture);
    }

    private static Holding Median(List<Holding> holdings) => new(
        holdings.Select(holding => holding.Memory).Order().ElementAt(holdings.Count / 2),
        holdings.Select(holding => holding.Descriptors).Order().ElementAt(holdings.Count / 2),
        holdings.Select(holding => holding.Threads).Order().ElementAt(holdings.Count / 2));

    private static void Report(int requests, List<Holding> holdings)
    {
        Figures.Report(
            $"soak of {Length}: {holdings.Count} switches, {requests} requests, 0 failed; after the third switch, in the middle, at the end (and at most): "
            + $"resident memory {Course(holding => holding.Memory >> 20)} MB, descriptors {Course(holding => holding.Descriptors)}, threads " +
                $"{Course(holding => holding.Threads)}");

        string Course(Func<Holding, long> of) => $"{of(holdings[2])}, {of(holdings[holdings.Count / 2])}, {of(holdings[^1])} ({holdings.Max(of)})";
    }
}
