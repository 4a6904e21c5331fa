using EdgeProxy.Processes;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Tests.Units.Process;

public sealed class RestartPolicyTests
{
    [Fact]
    public void The_delay_doubles_up_to_its_bound_and_starts_anew_after_a_stable_run()
    {
        var delay = TimeSpan.Zero;
        var delays = new List<double>();
        for (var i = 0; i < 9; i++)
        {
            delay = RestartPolicy.NextDelay(delay, ran: TimeSpan.FromSeconds(1));
            delays.Add(delay.TotalSeconds);
        }

        Assert.Equal([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10], delays);
        Assert.Equal(RestartPolicy.FirstDelay, RestartPolicy.NextDelay(delay, RestartPolicy.StableAfter));
    }

    [Theory]
    [InlineData(0, true, "success", 0)]
    [InlineData(143, true, "success", 15)]
    [InlineData(1, false, "exit-code", 1)]
    [InlineData(203, false, "exit-code", 203)]
    [InlineData(137, false, "signal", 9)]
    public void An_end_is_described_as_systemd_does(int code, bool clean, string result, int status)
    {
        var exit = new ExitStatus(code);

        Assert.Equal((clean, result, status), (exit.IsClean, exit.Result, exit.Status));
    }
}
