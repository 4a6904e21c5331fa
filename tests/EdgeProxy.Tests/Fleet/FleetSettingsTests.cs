using System.Text.Json.Nodes;
using EdgeProxy.Fleet;
using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>The section <c>Fleet</c>, and the secret that its key file holds.</summary>
public sealed class FleetSettingsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("Name", null, "EdgeProxy:Fleet:Name", "is missing")]
    [InlineData("Name", "\"Shop\"", "EdgeProxy:Fleet:Name", "a-z, 0-9 and -")]
    [InlineData("Node", "\"a b\"", "EdgeProxy:Fleet:Node", "must be 1 to 63")]
    [InlineData("KeyFile", null, "EdgeProxy:Fleet:KeyFile", "edgeproxy fleet key")]
    [InlineData("KeyFile", "\"/nowhere/fleet.key\"", "EdgeProxy:Fleet:KeyFile", "cannot be read")]
    [InlineData("PreviousKeyFile", "\"/nowhere/fleet.key\"", "EdgeProxy:Fleet:PreviousKeyFile", "cannot be read")]
    [InlineData("LostAfter", "\"00:00:01\"", "EdgeProxy:Fleet:LostAfter", "must be a duration")]
    [InlineData("PrepareTimeout", "\"00:00:00\"", "EdgeProxy:Fleet:PrepareTimeout", "must be a duration")]
    [InlineData("Flip", "\"Never\"", "EdgeProxy:Fleet:Flip", "must be Watch, Hold")]
    [InlineData("ReadyPath", "\"ready\"", "EdgeProxy:Fleet:ReadyPath", "must be a path")]
    [InlineData("Etcd", null, "EdgeProxy:Fleet:Etcd:Endpoints", "is missing")]
    [InlineData("Etcd", """{ "Endpoints": ["http://10.0.0.1:2379"] }""", "EdgeProxy:Fleet:Etcd:Endpoints:0", "use https")]
    [InlineData("Etcd", """{ "Endpoints": ["10.0.0.1:2379"] }""", "EdgeProxy:Fleet:Etcd:Endpoints:0", "must be an https URL")]
    [InlineData("Etcd", """{ "Endpoints": ["https://a"], "Certificate": "/a.pem" }""", "EdgeProxy:Fleet:Etcd:Key", "go together")]
    [InlineData("Etcd", """{ "Endpoints": ["https://a"], "Certificate": "/a.pem", "Key": "/a.key" }""", "EdgeProxy:Fleet:Etcd:Certificate", "no certificate")]
    [InlineData("Etcd", """{ "Endpoints": ["https://a"], "TrustedRoots": "/nowhere.pem" }""", "EdgeProxy:Fleet:Etcd:TrustedRoots", "cannot be read")]
    [InlineData("Etcd", """{ "Endpoints": ["https://a"], "User": "edgeproxy" }""", "EdgeProxy:Fleet:Etcd:PasswordFile", "go together")]
    public void One_wrong_setting_is_the_one_that_is_reported(string key, string? json, string at, string what)
    {
        var fleet = Valid();
        fleet.Remove(key);
        if (json is not null)
        {
            fleet[key] = JsonNode.Parse(json);
        }

        using var file = SettingsFile.With("EdgeProxy:Fleet", fleet.ToJsonString());
        var problem = Assert.Single(file.Load().Problems);
        Assert.Equal(at, problem.Key);
        Assert.Contains(what, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("EdgeProxy:Switch:Rescue", "true")]
    [InlineData("EdgeProxy:Switch:Canary", """[{ "Share": 5 }]""")]
    public void What_moves_the_clients_of_one_node_is_refused_in_a_fleet(string key, string json)
    {
        using var file = SettingsFile.With(("EdgeProxy:Fleet", Valid().ToJsonString()), (key, json));
        Assert.Equal(key, Assert.Single(file.Load().Problems).Key);
    }

    [Fact]
    public void A_value_is_believed_at_its_own_key_alone_and_with_the_right_secret_alone()
    {
        var key = NewKey(out var secret);
        var value = key.Sign("/edgeproxy/shop/app/state", """{"epoch":1}""");

        Assert.Equal("""{"epoch":1}""", key.Open("/edgeproxy/shop/app/state", value));
        Assert.Null(key.Open("/edgeproxy/shop/app/votes/a", value));
        Assert.Null(key.Open("/edgeproxy/shop/app/state", value.Replace('1', '2')));
        Assert.Null(key.Open("/edgeproxy/shop/app/state", """{"epoch":1}"""));
        Assert.Null(key.Open("/edgeproxy/shop/app/state", ""));
        var other = NewKey(out var otherSecret);
        Assert.Null(other.Open("/edgeproxy/shop/app/state", value));
        Assert.NotNull(new FleetKey(otherSecret, previous: secret).Open("/edgeproxy/shop/app/state", value));
    }

    [Fact]
    public void What_is_sealed_is_read_with_the_secret_alone_and_at_its_own_key()
    {
        const string Name = "/edgeproxy/shop/.tls/certificates/shop.test.pem";
        var key = NewKey(out var secret);
        var value = key.Seal(Name, "-----BEGIN PRIVATE KEY-----");

        Assert.Equal("-----BEGIN PRIVATE KEY-----", key.Unseal(Name, value));
        Assert.NotEqual(value, key.Seal(Name, "-----BEGIN PRIVATE KEY-----"));
        Assert.Null(key.Unseal(Name + "2", value));
        Assert.Null(key.Unseal(Name, (value[0] == 'A' ? "B" : "A") + value[1..]));
        Assert.Null(key.Unseal(Name, ""));
        Assert.Null(key.Unseal(Name, "-----BEGIN PRIVATE KEY-----"));
        var other = NewKey(out var otherSecret);
        Assert.Null(other.Unseal(Name, value));
        Assert.NotNull(new FleetKey(otherSecret, previous: secret).Unseal(Name, value));
    }

    public void Dispose() => _directory.Dispose();

    private static FleetKey NewKey(out byte[] secret)
    {
        secret = Convert.FromBase64String(FleetKey.Create());
        Assert.Equal(FleetKey.Length, secret.Length);
        return new FleetKey(secret);
    }

    private JsonObject Valid()
    {
        File.WriteAllText(_directory["fleet.key"], FleetKey.Create() + "\n");
        return new JsonObject
        {
            ["Name"] = "shop",
            ["KeyFile"] = _directory["fleet.key"],
            ["Etcd"] = JsonNode.Parse("""{ "Endpoints": ["https://10.0.0.1:2379", "http://127.0.0.1:2379"] }"""),
        };
    }
}
