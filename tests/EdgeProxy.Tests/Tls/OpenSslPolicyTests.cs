using EdgeProxy.Processes;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;

namespace EdgeProxy.Tests.Tls;

/// <summary>What may be agreed on, asked with OpenSSL's own client, which offers one thing at a time.</summary>
public sealed class OpenSslPolicyTests
{
    private const string Name = "shop.example.com";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>D(HE)at (CVE-2002-20001): a client need not compute anything to have the server compute on 8,192 bits.</summary>
    [Theory]
    [InlineData("X25519", true)]
    [InlineData("P-256", true)]
    [InlineData("P-384", true)]
    [InlineData("ffdhe8192:X25519", true)] // asked for another key share (HelloRetryRequest)
    [InlineData("P-521", false)]
    [InlineData("X448", false)]
    [InlineData("ffdhe2048", false)]
    [InlineData("ffdhe8192", false)]
    public async Task A_key_exchange_is_agreed_on_where_it_is_cheap(string groups, bool isServed)
    {
        await using var site = await TlsSite.StartAsync([Name]);

        var run = await ConnectAsync(site.Port, "-tls1_3", "-groups", groups);

        Assert.True(isServed == (run.ExitCode == 0), run.Output + run.Error);
        Assert.Equal(isServed, run.Output.Contains("New, TLSv1.3", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("ECDHE-RSA-AES128-GCM-SHA256", true)]
    [InlineData("ECDHE-RSA-AES256-GCM-SHA384", true)]
    [InlineData("ECDHE-RSA-CHACHA20-POLY1305", true)]
    [InlineData("ECDHE-RSA-AES256-SHA384", false)] // CBC
    [InlineData("ECDHE-RSA-AES128-SHA", false)]
    [InlineData("DHE-RSA-AES256-GCM-SHA384", false)]
    [InlineData("AES256-GCM-SHA384", false)] // the key exchange is RSA's
    [InlineData("AES128-SHA", false)]
    public async Task Tls_1_2_has_authenticated_ciphers_with_forward_secrecy_and_no_others(string suite, bool isServed)
    {
        using var directory = new TemporaryDirectory();
        var (chain, key) = new TestAuthority().Issue([Name], isRsa: true); // one that allows all of these
        await File.WriteAllTextAsync(directory["both.pem"], chain + key, Cancellation);
        await using var proxy = await DataPlane.StartAsync(
            "http://127.0.0.1:1",
            "http://127.0.0.1:2",
            options => options.Tls.Certificates = [new() { Certificate = directory["both.pem"], Key = directory["both.pem"] }],
            ("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0"));

        var run = await ConnectAsync(proxy.HttpsPort, "-tls1_2", "-cipher", suite);

        Assert.True(isServed == (run.ExitCode == 0), run.Output + run.Error);
        Assert.Equal(isServed, run.Output.Contains($"Cipher is {suite}", StringComparison.Ordinal));
    }

    /// <summary>Its certificate is Kestrel's affair, the groups are not: they are the process's.</summary>
    [Fact]
    public async Task An_endpoint_of_the_kestrel_section_with_its_own_certificate_is_no_way_around()
    {
        using var directory = new TemporaryDirectory();
        var (chain, key) = new TestAuthority().Issue([Name]);
        await File.WriteAllTextAsync(directory["chain.pem"], chain, Cancellation);
        await File.WriteAllTextAsync(directory["key.pem"], key, Cancellation);
        await using var proxy = await DataPlane.StartAsync(
            "http://127.0.0.1:1",
            "http://127.0.0.1:2",
            configure: null,
            ("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0"),
            ("Kestrel:Endpoints:Https:Certificate:Path", directory["chain.pem"]),
            ("Kestrel:Endpoints:Https:Certificate:KeyPath", directory["key.pem"]));

        Assert.Equal(0, (await ConnectAsync(proxy.HttpsPort, "-groups", "X25519")).ExitCode);
        Assert.NotEqual(0, (await ConnectAsync(proxy.HttpsPort, "-groups", "ffdhe2048")).ExitCode);
    }

    /// <summary>In a process of its own, which nothing of the tests has prepared.</summary>
    [Theory]
    [InlineData("", "ffdhe2048", false)]
    [InlineData("MinProtocol = TLSv1.2", "ffdhe2048", false)]
    [InlineData("MinProtocol = TLSv1.2", "P-256", true)]
    [InlineData("Groups = P-521:ffdhe2048", "ffdhe2048", true)]
    [InlineData("Groups = P-521:ffdhe2048", "X25519", false)]
    [InlineData("1.curves = P-521", "P-521", true)]
    public async Task A_file_that_OPENSSL_CONF_names_has_the_last_word_on_groups(string line, string groups, bool isServed)
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            directory["openssl.cnf"],
            $"openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\nCipherString = DEFAULT:@SECLEVEL=2\n{line}\n",
            Cancellation);
        var port = Backend.FreePort();
        await File.WriteAllTextAsync(directory["appsettings.json"], Settings(directory, port), Cancellation);
        using var proxy = Tool.Start(
            ChildLauncher.OwnExecutable,
            ["run", "--config", directory["appsettings.json"]],
            ("OPENSSL_CONF", line.Length == 0 ? "" : directory["openssl.cnf"]));
        await Eventually.TrueAsync(async () => (await ConnectToAsync("localhost", port, "-groups", "P-521:P-256")).ExitCode == 0, "HTTPS is served");

        Assert.Equal(isServed, (await ConnectToAsync("localhost", port, "-tls1_3", "-groups", groups)).ExitCode == 0);
    }

    /// <summary>OpenSSL before 3.3 refuses a list with a mark in it, before 3.5 one with a name it does not know, and then offers all that it has.</summary>
    [Theory]
    [InlineData(0x1010117F, "X25519:P-256:P-384")]
    [InlineData(0x30000130, "X25519:P-256:P-384")]
    [InlineData(0x30400000, "?X25519:?P-256:?P-384")]
    [InlineData(0x30500010, "?X25519MLKEM768:?X25519:?P-256:?P-384")]
    public void The_list_is_one_that_the_version_takes(long version, string expected) => Assert.Equal(expected, OpenSslPolicy.GroupsFor(version));

    private static Task<CommandLine> ConnectAsync(int port, params string[] arguments) => ConnectToAsync(Name, port, arguments);

    private static Task<CommandLine> ConnectToAsync(string name, int port, params string[] arguments) =>
        Tool.RunAsync("openssl", ["s_client", "-connect", $"127.0.0.1:{port}", "-servername", name, .. arguments]);

    private static string Settings(TemporaryDirectory directory, int port) => $$"""
        {
          "EdgeProxy": {
            "Slots": { "Blue": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" }, "Green": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" } },
            "Units": { "Manager": "Process", "Process": { "Command": "{{ChildLauncher.OwnExecutable}} sample-backend --port {port} --slot {slot}" } },
            "State": { "Directory": "{{directory["state"]}}" },
            "Admin": { "Socket": "{{directory["admin.sock"]}}", "Url": null },
            "Tls": { "Internal": true }
          },
          "AllowedHosts": "localhost",
          "Kestrel": { "Endpoints": { "Https": { "Url": "https://127.0.0.1:{{port}}" } } }
        }
        """;
}
