using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>Nothing outside the root, no matter what a client writes or what an uploader leaves in it, and nothing that is no file.</summary>
public sealed class EscapeTests : IAsyncLifetime
{
    private const string Secret = "the secret";

    private StaticSite _site = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _site = await StaticSite.StartAsync();
        await File.WriteAllTextAsync(Path.Combine(_site.Outside, "secret.txt"), Secret, Cancellation);
        _site.Write("dir/inside.txt", "inside");
        _site.Write(".env", Secret);
        _site.Write(".git/config", Secret);
        _site.Write("dir/.hidden/file.txt", Secret);
    }

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Theory]
    [InlineData("/static/../outside/secret.txt", 400)]
    [InlineData("/static/..%2foutside/secret.txt", 400)]
    [InlineData("/static/%2e%2e/outside/secret.txt", 400)]
    [InlineData("/static/.%2e%2foutside%2fsecret.txt", 400)]
    [InlineData("/static/..%5coutside%5csecret.txt", 400)]
    [InlineData("/static/..\\outside\\secret.txt", 400)]
    [InlineData("/static/dir/./inside.txt", 400)]
    [InlineData("/static/%00", 400)]
    [InlineData("/static/%252e%252e/outside/secret.txt", 404)]
    [InlineData("/static/..%252foutside%252fsecret.txt", 404)]
    [InlineData("/static/..%c0%afoutside/secret.txt", 404)]
    [InlineData("/static/%c0%ae%c0%ae/outside/secret.txt", 404)]
    [InlineData("/static/%EF%BC%8E%EF%BC%8E/outside/secret.txt", 404)]
    [InlineData("/static//etc/passwd", 404)]
    [InlineData("/static/%2fetc/passwd", 404)]
    [InlineData("/static/dir%2finside.txt", 404)]
    [InlineData("/static/dir%2Finside.txt", 404)]
    [InlineData("/static/dir%5cinside.txt", 404)]
    [InlineData("/static/dir\\inside.txt", 404)]
    [InlineData("/static/dir/inside.txt%0a", 404)]
    [InlineData("/static/dir/inside.txt%7f", 404)]
    [InlineData("/static/dir/inside.txt/", 404)]
    [InlineData("/static/dir/inside.txt/x", 404)]
    [InlineData("/static/dir/INSIDE.txt", 404)]
    [InlineData("/static/.env", 404)]
    [InlineData("/static/%2eenv", 404)]
    [InlineData("/static//.env", 404)]
    [InlineData("/static/.git/config", 404)]
    [InlineData("/static/dir/.hidden/file.txt", 404)]
    [InlineData("/static/dir", 404)]
    [InlineData("/static/dir/", 404)]
    [InlineData("/static/", 404)]
    [InlineData("/static", 404)]
    [InlineData("/static//", 404)]
    [InlineData("/static/dir/inside.txt", 200)]
    [InlineData("/static//dir///inside.txt", 200)]
    [InlineData("/static/d%69r/inside.txt?v=1", 200)]
    public async Task A_target_means_a_file_below_the_root_or_nothing(string target, int expected)
    {
        // As bytes on a socket: a client library would tidy up.
        using var client = await _site.ConnectAsync();
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes($"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), Cancellation);
        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
        var response = await reader.ReadToEndAsync(Cancellation).Within();

        Assert.StartsWith($"HTTP/1.1 {expected} ", response, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, response, StringComparison.Ordinal);
        Assert.DoesNotContain("root:", response, StringComparison.Ordinal);
        Assert.DoesNotContain(_site.Root, response, StringComparison.Ordinal);
        Assert.Equal(expected == 200, response.EndsWith("inside", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(255, 404)]
    [InlineData(256, 404)]
    [InlineData(3900, 404)]
    public async Task A_very_long_name_is_no_file(int length, int expected) =>
        Assert.Equal(expected, (await _site.ReadAsync($"/static/{new string('x', length)}")).Status);

    [Fact]
    public async Task A_name_of_many_directories_is_no_file() =>
        Assert.Equal(404, (await _site.ReadAsync($"/static/{string.Concat(Enumerable.Repeat("d/", 1900))}x")).Status);

    [Fact]
    public async Task A_link_leads_to_a_file_only_inside_the_root()
    {
        Link("relative-out.txt", "../outside/secret.txt");
        Link("absolute-out.txt", Path.Combine(_site.Outside, "secret.txt"));
        Link("directory-out", "../outside");
        Link("chain.txt", "relative-out.txt");
        Link("loop.txt", "loop.txt");
        Link("proc", "/proc/self");
        Link("prefix", $"{_site.Root}-beside"); // a name that only begins as the root does
        Directory.CreateDirectory($"{_site.Root}-beside");
        await File.WriteAllTextAsync($"{_site.Root}-beside/secret.txt", Secret, Cancellation);
        Link("inside.txt", "dir/inside.txt");
        Link("absolute-inside.txt", Path.Combine(_site.Root, "dir/inside.txt"));
        Link("directory-inside", "dir");

        foreach (
            var name in new[]
            {
                "relative-out.txt",
                "absolute-out.txt",
                "directory-out/secret.txt",
                "chain.txt",
                "loop.txt",
                "proc/environ",
                "prefix/secret.txt",
            })
        {
            Assert.Equal(404, (await _site.ReadAsync($"/static/{name}")).Status);
        }

        foreach (var name in new[] { "inside.txt", "absolute-inside.txt", "directory-inside/inside.txt" })
        {
            Assert.Equal((200, "inside"), await _site.ReadAsync($"/static/{name}"));
        }
    }

    /// <summary>An uploader who may make links turns one to and fro while it is asked for.</summary>
    [Fact]
    public async Task A_link_that_turns_is_never_followed_out_of_the_root()
    {
        var (link, turning) = (Path.Combine(_site.Root, "turning.txt"), Path.Combine(_site.Root, "turning.tmp"));
        using var stop = new CancellationTokenSource();
        var turns = 0;
        var turn = Task.Run(
            () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    File.CreateSymbolicLink(turning, turns++ % 2 == 0 ? "../outside/secret.txt" : "dir/inside.txt");
                    File.Move(turning, link, overwrite: true);
                }
            },
            Cancellation);

        var responses = new HashSet<(int, string)>();
        for (var i = 0; i < 300 || responses.Count < 2; i++)
        {
            var (status, body) = await _site.ReadAsync("/static/turning.txt");
            responses.Add((status, status == 200 ? body : ""));
            Assert.True(i < 100_000, "the link never seemed to turn");
        }

        await stop.CancelAsync();
        await turn;
        Assert.Subset(new HashSet<(int, string)> { (404, ""), (200, "inside") }, responses);
    }

    [Fact]
    public async Task The_root_itself_may_be_a_link_which_a_deploy_turns()
    {
        var (first, second, current) = (Path.Combine(
            _site.Outside, "releases/1"), Path.Combine(_site.Outside, "releases/2"), Path.Combine(_site.Outside, "current"));
        foreach (var release in new[] { first, second })
        {
            Directory.CreateDirectory(release);
            await File.WriteAllTextAsync(Path.Combine(release, "a.txt"), release, Cancellation);
        }

        File.CreateSymbolicLink(current, "releases/1");
        await using var site = await StaticSite.StartAsync(options => options.StaticFiles![0].Root = current);
        Assert.Equal((200, first), await site.ReadAsync("/static/a.txt"));

        File.CreateSymbolicLink($"{current}.new", "releases/2");
        using (var rename = Process.Start("mv", ["-T", $"{current}.new", current])) // rename(2), which File.Move hides for directories
        {
            await rename.EndWithin();
        }

        await Eventually.TrueAsync(async () => await site.ReadAsync("/static/a.txt") == (200, second), "the new release is served");
    }

    [Fact]
    public async Task What_is_no_regular_file_is_never_opened()
    {
        var fifo = Path.Combine(_site.Root, "fifo");
        using (var mkfifo = Process.Start("mkfifo", fifo))
        {
            await mkfifo.EndWithin();
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(_site.Root, "socket")));

        // Opening a FIFO would wait for a writer, here for ever.
        foreach (var name in new[] { "fifo", "socket" })
        {
            Assert.Equal(404, (await _site.ReadAsync($"/static/{name}").WaitAsync(Eventually.Patience, Cancellation)).Status);
        }
    }

    [Fact]
    public async Task A_device_is_never_opened()
    {
        var device = Path.Combine(_site.Root, "device");
        using (var mknod = Process.Start(new ProcessStartInfo("mknod", [device, "c", "1", "5"]) { RedirectStandardError = true })!) // /dev/zero
        {
            await mknod.EndWithin();
        }

        Assert.SkipUnless(File.Exists(device), "only root may make a device");
        Assert.Equal(404, (await _site.ReadAsync("/static/device")).Status);
    }

    private void Link(string name, string target) => File.CreateSymbolicLink(Path.Combine(_site.Root, name), target);
}
