using System.Text;
using System.Text.Json.Nodes;
using EdgeProxy.Settings;

namespace EdgeProxy.Tests.Configuration;

/// <summary>A settings file on disk: the two slots that every valid file has, and what a test puts beside them.</summary>
internal sealed class SettingsFile : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("edgeproxy-settings-").FullName;
    private readonly List<string> _variables = [];

    /// <summary>Unique, so that tests that run at the same time do not see each other's environment.</summary>
    private readonly string _prefix = $"T{Guid.NewGuid():N}_";

    public string Path => System.IO.Path.Combine(_directory, "appsettings.json");

    /// <summary>A valid file in which one key, e.g. <c>EdgeProxy:Health:Path</c>, has the given JSON value.</summary>
    public static SettingsFile With(string key, string json) => With((key, json));

    public static SettingsFile With(params (string Key, string Json)[] values)
    {
        var root = JsonNode.Parse("""
            {
              "EdgeProxy": {
                "Slots": {
                  "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "blue.service" },
                  "Green": { "Address": "http://127.0.0.1:8100", "Unit": "green.service" }
                }
              }
            }
            """)!;
        foreach (var (key, json) in values)
        {
            Set(root, key.Split(':'), JsonNode.Parse(json));
        }

        return Of(root.ToJsonString());
    }

    public static SettingsFile Of(string content)
    {
        var file = new SettingsFile();
        File.WriteAllText(file.Path, content, Encoding.UTF8); // with a byte order mark, as editors on Windows write it
        return file;
    }

    public SettingsFile WithVariable(string name, string value)
    {
        _variables.Add(_prefix + name);
        Environment.SetEnvironmentVariable(_prefix + name, value);
        return this;
    }

    public EdgeProxySettings Load() => SettingsLoader.Load([Path], _prefix);

    public void Dispose()
    {
        _variables.ForEach(name => Environment.SetEnvironmentVariable(name, null));
        Directory.Delete(_directory, recursive: true);
    }

    private static void Set(JsonNode node, ReadOnlySpan<string> path, JsonNode? value)
    {
        if (path.Length > 1)
        {
            node[path[0]] ??= new JsonObject();
            Set(node[path[0]]!, path[1..], value);
        }
        else
        {
            node[path[0]] = value;
        }
    }
}
