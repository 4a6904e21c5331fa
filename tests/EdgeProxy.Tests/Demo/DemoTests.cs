using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.Demo;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Demo;

public sealed class DemoTests
{
    [Fact]
    public async Task The_script_switches_three_times_under_load_and_loses_nothing()
    {
        var run = await CommandLine.RunAsync("demo", "--script", "--json");

        Assert.Equal(("", 0), (run.Error, run.ExitCode));
        using var report = JsonDocument.Parse(run.Output);
        var switches = report.RootElement.GetProperty("switches").EnumerateArray().ToArray();
        Assert.Equal(["green", "blue", "green"], switches.Select(one => one.GetProperty("to").GetString()));
        Assert.All(switches, one =>
        {
            Assert.Equal("Completed", one.GetProperty("outcome").GetString());
            Assert.Equal(0, one.GetProperty("failures").GetInt32());
            Assert.True(one.GetProperty("requests").GetInt32() > 10);
        });
    }

    [Theory]
    [InlineData("--port")]
    [InlineData("--admin-port")]
    public async Task A_busy_port_is_named_with_the_way_out(string option)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = $"{((IPEndPoint)other.LocalEndpoint).Port}";

        var run = await CommandLine.RunAsync("demo", "--script", option, port);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains($"port {port} of 127.0.0.1 is in use; choose another with {option}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SIGTERM_ends_the_demo_its_children_and_its_directory()
    {
        var (demo, admin, directory) = await StartAsync();
        using (demo)
        {
            var child = await ActiveChildAsync(admin);

            Assert.Equal(0, await demo.TerminateAsync());

            Assert.False(child.LeaderRuns);
            Assert.False(Directory.Exists(directory));
        }
    }

    [Fact]
    public async Task The_children_of_a_killed_demo_are_gone()
    {
        var (demo, admin, directory) = await StartAsync();
        using (demo)
        {
            var child = await ActiveChildAsync(admin);

            demo.Kill();

            await Eventually.TrueAsync(() => !child.LeaderRuns, "the child is gone");
        }

        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_switch_of_the_demo_can_be_ordered_and_followed_from_outside()
    {
        var (demo, admin, directory) = await StartAsync();
        using (demo)
        {
            var run = await CommandLine.RunAsync("switch", "--label", "second", "--admin", admin, "--token-file", Path.Combine(directory, "admin.token"));

            Assert.Equal(("", 0), (run.Error, run.ExitCode));
            foreach (var phase in (string[])["StartIdle", "Probe", "WarmUp", "Flip", "Drain", "StopOld", "Completed: blue -> green"])
            {
                Assert.Contains(phase, run.Output, StringComparison.Ordinal);
            }

            await demo.ReadToAsync("blue -> green: Completed");
            var again = await CommandLine.RunAsync("switch", "--to", "green", "--socket", Path.Combine(directory, "admin.sock"));
            Assert.Equal(4, again.ExitCode);
            Assert.Contains("traffic is on green", (await CommandLine.RunAsync("status", "--admin", admin)).Output, StringComparison.Ordinal);
            Assert.Equal(0, await demo.TerminateAsync());
        }
    }

    private static async Task<(CommandProcess Demo, string Admin, string Directory)> StartAsync()
    {
        var ports = LoopbackPort.Free(2);
        var demo = CommandProcess.Start("demo", "--port", $"{ports[0]}", "--admin-port", $"{ports[1]}");
        var directory = (await demo.ReadToAsync("The settings are in ")).Split(' ')[4].TrimEnd('.');
        return (demo, $"http://127.0.0.1:{ports[1]}", directory);
    }

    private static async Task<ProcessGroup> ActiveChildAsync(string admin)
    {
        using var status = JsonDocument.Parse((await CommandLine.RunAsync("status", "--json", "--admin", admin)).Output);
        var child = ProcessGroup.Of(status.RootElement.GetProperty("slots").GetProperty("blue").GetProperty("mainPid").GetInt32())!.Value;
        Assert.True(child.LeaderRuns);
        return child;
    }
}
