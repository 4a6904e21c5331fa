using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Deploy;

/// <summary><c>deploy/lib/share_ports.py</c> in a network of its own.</summary>
public sealed class SharePortsTests
{
    /// <summary>As systemd's children do, which have its sockets until they are the program that they start.</summary>
    private const string WithShortLivedHolders = """
        import os, socket, subprocess, sys, time

        listeners = [socket.create_server(("127.0.0.1", port)) for port in (80, 443)]
        forks = os.fork()
        while forks == 0:
            if os.fork() == 0:
                time.sleep(0.03)
                os._exit(0)
            os.wait()
            time.sleep(0.003)
            if os.getppid() != int(sys.argv[2]):
                os._exit(0)
        said = [subprocess.run([sys.executable, "-I", sys.argv[1], "lend", "/bin/true"], capture_output=True, text=True).stderr for _ in range(40)]
        os.kill(forks, 9)
        print("".join(said), end="")
        """;

    [Fact]
    public async Task A_holder_that_ends_meanwhile_is_not_the_end()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "a network of its own is root's");
        var script = Repository.File("deploy/lib/share_ports.py");

        var run = await Tool.RunAsync(
            "unshare",
            ["--net", "bash", "-c", "ip link set lo up && exec python3 -c \"$0\" \"$1\" $$", WithShortLivedHolders, script],
            patience: TimeSpan.FromMinutes(1));

        Assert.Equal("", run.Output + run.Error);
        Assert.Equal(0, run.ExitCode);
    }
}
