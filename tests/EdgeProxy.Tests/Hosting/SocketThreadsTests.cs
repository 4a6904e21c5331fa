using System.Net;
using System.Net.Sockets;
using EdgeProxy.Hosting;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Hosting;

/// <summary>How the kernel is told to schedule the threads of a real process.</summary>
public sealed class SocketThreadsTests : IDisposable
{
    private const string Sockets = ".NET Sockets";

    /// <summary>SCHED_BATCH, and its place among the fields behind the name (proc_pid_stat(5), field 41).</summary>
    private const string Batch = "3";
    private const int PolicyField = 41 - 3;

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task None_waits_behind_others_while_there_is_little_to_do()
    {
        await File.WriteAllTextAsync(_directory["appsettings.json"], Settings(), Cancellation);
        using var proxy = CommandProcess.Start("run", "--config", _directory["appsettings.json"]);

        await Eventually.TrueAsync(
            () => File.Exists(_directory["admin.sock"]) && ThreadsOf(proxy.Id).Any(thread => thread.Name == Sockets), "it waits for sockets");
        Assert.DoesNotContain(ThreadsOf(proxy.Id), thread => thread.Policy == Batch);
        Assert.Equal(0, await proxy.TerminateAsync());
    }

    /// <summary>In this process, which has sockets, too.</summary>
    [Fact]
    public async Task Those_that_wait_for_sockets_let_the_others_finish_and_come_back()
    {
        using var backend = new TcpListener(IPAddress.Loopback, 0);
        backend.Start();
        using var client = new TcpClient();
        var accepting = backend.AcceptTcpClientAsync(Cancellation);
        await client.ConnectAsync((IPEndPoint)backend.LocalEndpoint, Cancellation);
        using var accepted = await accepting;

        SocketThreads.LetOthersFinish(true);
        // Its first thread stands for the others: nothing inherits the class but what a thread of the sockets starts.
        Assert.NotEqual(Batch, ThreadsOf(Environment.ProcessId)[0].Policy);
        Assert.Contains(ThreadsOf(Environment.ProcessId), thread => thread.Name == Sockets);
        Assert.All(ThreadsOf(Environment.ProcessId).Where(thread => thread.Name == Sockets), thread => Assert.Equal(Batch, thread.Policy));

        SocketThreads.LetOthersFinish(false);
        await Eventually.TrueAsync(() => ThreadsOf(Environment.ProcessId).All(thread => thread.Policy != Batch), "all are in the normal class");
    }

    private static List<(string Name, string Policy)> ThreadsOf(int process)
    {
        var threads = new List<(string, string)>();
        foreach (var thread in Directory.EnumerateDirectories($"/proc/{process}/task").OrderBy(path => path != $"/proc/{process}/task/{process}"))
        {
            try
            {
                var stat = File.ReadAllText(Path.Combine(thread, "stat"));
                var (begin, end) = (stat.IndexOf('('), stat.LastIndexOf(')'));
                threads.Add((stat[(begin + 1)..end], stat[(end + 2)..].Split(' ')[PolicyField]));
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }
        }

        return threads;
    }

    private string Settings() => $$"""
        {
          "EdgeProxy": {
            "Slots": { "Blue": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" }, "Green": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" } },
            "Units": { "Manager": "Process", "Process": { "Command": "{{ChildLauncher.OwnExecutable}} sample-backend --port {port} --slot {slot}" } },
            "State": { "Directory": "{{_directory["state"]}}" },
            "Admin": { "Socket": "{{_directory["admin.sock"]}}", "Url": null }
          },
          "Kestrel": { "Endpoints": { "Http": { "Url": "http://127.0.0.1:0" } } }
        }
        """;
}
