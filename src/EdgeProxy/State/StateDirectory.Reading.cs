using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace EdgeProxy.State;

/// <content>Reading: what cannot be used is told, not thrown.</content>
internal sealed partial class StateDirectory
{
    /// <summary>Reads a file of JSON. Never throws: a torn, empty or foreign file is a <see cref="StateRead{T}.Problem"/>.</summary>
    public StateRead<T> ReadJson<T>(string name, JsonTypeInfo<T> type)
        where T : class
    {
        var (content, problem) = Read(name);
        if (content is null)
        {
            return new(null, problem);
        }

        try
        {
            return JsonSerializer.Deserialize(content, type) is { } value ? new(value, null) : new(null, $"{PathOf(name)} holds no value");
        }
        catch (JsonException e)
        {
            return new(null, content.Length == 0 ? $"{PathOf(name)} is empty" : $"{PathOf(name)} cannot be understood: {e.Message}");
        }
    }

    /// <summary>Reads a file of one object. Never throws: one of another format than this version knows is a <see cref="StateRead{T}.Problem"/>, too.</summary>
    public StateRead<T> ReadVersioned<T>(string name, JsonTypeInfo<T> type)
        where T : VersionedRecord
    {
        var read = ReadJson(name, type);
        return read.Value is { Version: not VersionedRecord.CurrentVersion } foreign
            ? new(null, $"{PathOf(name)} has format {foreign.Version}, this version of EdgeProxy knows {VersionedRecord.CurrentVersion}")
            : read;
    }

    /// <summary>Reads a file. Never throws.</summary>
    public StateRead<byte[]> Read(string name)
    {
        try
        {
            return new(File.ReadAllBytes(PathOf(name)), null);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return default;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(null, Explain($"cannot read {PathOf(name)}", e));
        }
    }
}
