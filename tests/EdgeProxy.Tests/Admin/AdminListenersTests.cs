using System.Net;
using System.Net.Sockets;
using EdgeProxy.Admin;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Admin;

public sealed class AdminListenersTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string SocketFile => _directory["run/admin.sock"];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("0660", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite)]
    [InlineData("0600", UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    public async Task The_socket_has_its_mode_and_goes_with_the_proxy(string mode, UnixFileMode expected)
    {
        await using var host = await StartAsync(options => options.SocketMode = mode);
        Assert.Equal(expected, File.GetUnixFileMode(SocketFile));

        await host.Plane.StopAsync();
        Assert.False(Path.Exists(SocketFile));
    }

    [Fact]
    public async Task A_socket_that_a_killed_process_left_is_replaced()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketFile)!);
        using (var killed = Listen(SocketFile + ".before"))
        {
            File.Move(SocketFile + ".before", SocketFile); // so that its end does not remove the file
        }

        Assert.True(Path.Exists(SocketFile));
        await using var host = await StartAsync();
        Assert.Equal("blue", (string?)(await host.GetJsonAsync("/status"))["active"]);
    }

    [Fact]
    public async Task A_socket_on_which_another_process_responds_is_left_alone()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketFile)!);
        using var other = Listen(SocketFile);
        var failure = await Assert.ThrowsAsync<AdminListenException>(() => StartAsync());
        Assert.Contains("EdgeProxy runs already", failure.Message, StringComparison.Ordinal);

        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(SocketFile), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_file_that_is_no_socket_is_left_alone()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketFile)!);
        File.WriteAllText(SocketFile, "precious");
        await Assert.ThrowsAsync<AdminListenException>(() => StartAsync());
        Assert.Equal("precious", File.ReadAllText(SocketFile));
    }

    [Fact]
    public async Task A_port_that_is_taken_is_named()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}";
        var failure = await Assert.ThrowsAsync<AdminListenException>(() => StartAsync(options => options.Url = url));
        Assert.Contains(url, failure.Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(SocketFile));
    }

    [Fact]
    public async Task Either_listener_can_be_left_out()
    {
        await using (var socketOnly = await StartAsync(options => options.Url = null))
        {
            Assert.Equal("alive", (string?)(await socketOnly.GetJsonAsync("/livez"))["status"]);
            Assert.Null(socketOnly.Plane.Get<AdminServer>().Url);
        }

        await using var portOnly = await StartAsync(options => options.Socket = null);
        using var response = await portOnly.ByPort.GetAsync("/livez", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private async Task<AdminHost> StartAsync(Action<AdminOptions>? configure = null) => await AdminHost.StartAsync(host =>
    {
        host.Options.Socket = SocketFile;
        configure?.Invoke(host.Options);
    });

    private static Socket Listen(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        socket.Listen();
        return socket;
    }
}
