using System.Runtime.InteropServices;

namespace EdgeProxy.Units.Systemd;

/// <summary>A message while it is read, front to back, on the connection's thread. It cannot outlive that: libsystemd frees it right after.</summary>
internal readonly unsafe ref struct SdBusMessage(nint handle)
{
    private const byte Array = (byte)'a';
    private const byte DictEntry = (byte)'e';
    private const byte Variant = (byte)'v';

    /// <summary>The unique name of the sender, set by the bus: it cannot be forged.</summary>
    public string? Sender => Text(SdBusNative.sd_bus_message_get_sender(handle));

    public string? Interface => Text(SdBusNative.sd_bus_message_get_interface(handle));

    public string? Member => Text(SdBusNative.sd_bus_message_get_member(handle));

    public string ReadString() => Text((nint)ReadBasic('s')) ?? "";

    public string ReadObjectPath() => Text((nint)ReadBasic('o')) ?? "";

    public uint ReadUInt32() => (uint)ReadBasic('u');

    /// <summary>Reads an <c>a{sv}</c>, of which it keeps the simple values: <see cref="string"/>, <see cref="bool"/>, <see cref="long"/> for every number up to 64 bits signed, <see cref="ulong"/>, and <c>byte[]</c>.</summary>
    /// <param name="wanted">The keys to keep.</param>
    public Dictionary<string, object> ReadProperties(IReadOnlySet<string> wanted)
    {
        var properties = new Dictionary<string, object>();
        Enter(Array, "{sv}"u8);
        while (Enter(DictEntry, "sv"u8))
        {
            var name = ReadString();
            if (wanted.Contains(name) && ReadVariant() is { } value)
            {
                properties[name] = value;
            }
            else if (!wanted.Contains(name))
            {
                Skip();
            }

            Exit();
        }

        Exit();
        return properties;
    }

    private object? ReadVariant()
    {
        Check(SdBusNative.sd_bus_message_peek_type(handle, out _, out var contents));
        var signature = Text(contents) ?? "";
        Check(SdBusNative.sd_bus_message_enter_container(handle, Variant, contents));
        object? value = signature switch
        {
            "s" => ReadString(),
            "o" => ReadObjectPath(),
            "b" => (uint)ReadBasic('b') != 0,
            "i" => (long)(int)ReadBasic('i'),
            "u" => (long)ReadUInt32(),
            "x" => (long)ReadBasic('x'),
            "t" => ReadBasic('t'),
            "ay" => ReadBytes(),
            _ => null,
        };
        if (value is null)
        {
            Skip();
        }

        Exit();
        return value;
    }

    private ulong ReadBasic(char type)
    {
        ulong value = 0;
        return Check(SdBusNative.sd_bus_message_read_basic(handle, (byte)type, &value)) > 0
            ? value
            : throw new InvalidDataException($"a D-Bus message ends where a '{type}' was expected");
    }

    private byte[] ReadBytes()
    {
        Check(SdBusNative.sd_bus_message_read_array(handle, (byte)'y', out var start, out var size));
        return new ReadOnlySpan<byte>((void*)start, (int)size).ToArray();
    }

    private bool Enter(byte type, ReadOnlySpan<byte> contents)
    {
        fixed (byte* pointer = contents) // a UTF-8 literal ends with a NUL
        {
            return Check(SdBusNative.sd_bus_message_enter_container(handle, type, (nint)pointer)) > 0;
        }
    }

    private void Exit() => Check(SdBusNative.sd_bus_message_exit_container(handle));

    private void Skip() => Check(SdBusNative.sd_bus_message_skip(handle, 0));

    private static string? Text(nint pointer) => Marshal.PtrToStringUTF8(pointer);

    private static int Check(int result) => result >= 0
        ? result
        : throw new InvalidDataException($"a D-Bus message is not of the expected shape: {Marshal.GetPInvokeErrorMessage(-result)}");
}
